// Runs graphs that retrograph has built: what in an input drives a unit of a network.
//
//   retrograph::Explainer explain("net.guided.onnx");
//   retrograph::Attribution a = explain.explain(picture);       // a retrograph::Picture, 8-bit RGB
//   retrograph::Picture map = explain.draw(explain.item(a), "signed");
//
// Needs C++17 and ONNX Runtime 1.20 or later. Every error is a retrograph::Error.
#pragma once

#include "contract.hpp"
#include "device.hpp"
#include "draw.hpp"
#include "error.hpp"
#include "explainer.hpp"
#include "files.hpp"
#include "json.hpp"
#include "picture.hpp"
#include "prepare.hpp"
#include "preprocessing.hpp"
#include "resample.hpp"
#include "runtime.hpp"
#include "session.hpp"
#include "tensor.hpp"
