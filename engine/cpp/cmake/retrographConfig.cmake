# find_package(retrograph): the targets retrograph::retrograph and retrograph::dynamic.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
include(${CMAKE_CURRENT_LIST_DIR}/retrographRuntime.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/retrographTargets.cmake)
