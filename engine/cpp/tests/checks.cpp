// checks CASES [--runtime LIBRARY]: what the conformance cases do not ask.
#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <retrograph/retrograph.hpp>
#include <sstream>
#include <thread>

namespace {

using retrograph::Error;
using retrograph::Json;
using retrograph::Picture;
using Path = std::filesystem::path;

int failures = 0;

void expect(bool is_right, const std::string& what) {
  if (!is_right) std::printf("FAILED: %s\n", what.c_str()), ++failures;
}

// Expects an Error of one line that says a word.
void expect_error(const std::string& word, const std::function<void()>& call) {
  try {
    call();
    expect(false, "no error that says '" + word + "'");
  } catch (const Error& error) {
    const std::string text = error.what();
    const bool is_right = text.find(word) != std::string::npos && text.find('\n') == std::string::npos;
    expect(is_right, "'" + text + "' does not say '" + word + "' in one line");
  }
}

std::string read_bytes(const Path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << stream.rdbuf();
  return bytes.str();
}

void json() {
  const Json value = Json::parse(R"( {"a": [1, -2.5e-1, true, null], "b": "\u00e9\ud83d\ude00\n\"", "c": {}} )");
  expect(value["a"].array()[1].number() == -0.25, "a number with an exponent");
  expect(value["a"].array()[2].boolean() && value["a"].array()[3].is_null(), "true and null");
  expect(value["b"].text() == "\xC3\xA9\xF0\x9F\x98\x80\n\"", "escapes, and a pair of surrogates");
  expect(value["c"].object().empty() && value["d"].is_null(), "an empty object, a missing member");
  for (const char* bad : {"", "{", "[1,]", "{\"a\" 1}", "\"\\x\"", "nul", "1 2", "[1", "\"a", "-", "1.2.3", "\"\\ud800\""})
    expect_error("no readable JSON", [&] { Json::parse(bad); });
  expect_error("no readable JSON", [] { Json::parse(std::string(100000, '[')); });
  expect_error("whole number", [] { Json::parse("1.5").integer(); });
}

void pictures() {
  const Picture picture(3, 2, {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6});
  const std::map<int, std::string> turned{{1, "123456"}, {2, "321654"}, {3, "654321"}, {4, "456123"},
                                          {5, "142536"}, {6, "415263"}, {7, "635241"}, {8, "362514"}};
  for (const auto& [orientation, wanted] : turned) {
    std::string seen;
    const Picture upright = retrograph::upright(picture, orientation);
    for (size_t i = 0; i < upright.pixels.size(); i += 3) seen += static_cast<char>('0' + upright.pixels[i]);
    expect(seen == wanted, "orientation " + std::to_string(orientation) + " is " + seen);
    expect((upright.width == 3) == (orientation < 5), "the sides of orientation " + std::to_string(orientation));
  }
  const uint8_t rgba[] = {0, 0, 0, 0, 10, 20, 30, 255, 0, 100, 200, 128};
  expect(retrograph::from_rgba(3, 1, rgba).pixels == std::vector<uint8_t>({255, 255, 255, 10, 20, 30, 127, 177, 227}),
         "what is transparent is white");
  expect_error("3 bytes a pixel", [] { Picture(2, 2, std::vector<uint8_t>(4)); });
  expect_error("at least one pixel", [] { Picture(0, 2); });
}

void exif() {
  using Bytes = std::vector<uint8_t>;
  const Bytes little{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  const Bytes big{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0};
  for (const auto& [tiff, orientation] : {std::pair(little, 6), std::pair(big, 8)}) {
    Bytes jpeg{0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0, 0, 0xFF, 0xE1, 0, static_cast<uint8_t>(8 + tiff.size()), 'E', 'x', 'i', 'f', 0, 0};
    jpeg.insert(jpeg.end(), tiff.begin(), tiff.end());
    expect(retrograph::exif_orientation(jpeg) == orientation, "a JPEG's orientation");
    Bytes png{0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, static_cast<uint8_t>(tiff.size()), 'e', 'X', 'I', 'f'};
    png.insert(png.end(), tiff.begin(), tiff.end());
    expect(retrograph::exif_orientation(png) == orientation, "a PNG's orientation");
    for (size_t length = 0; length < jpeg.size(); ++length) {  // cut off anywhere: no read beyond the end
      const int cut = retrograph::exif_orientation(Bytes(jpeg.begin(), jpeg.begin() + static_cast<long>(length)));
      expect(cut == 1 || cut == orientation, "the orientation of a file that is cut off");
    }
  }
  expect(retrograph::exif_orientation({}) == 1, "no file");
}

void cut_off() {
  using Bytes = std::vector<uint8_t>;
  const Bytes jpeg{0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 0xFF, 0xD9, 0xFF, 0xDA, 0, 3, 1, 7, 0xFF, 0, 9, 0xFF, 0xD0, 5, 0xFF, 0xD9};
  expect(!retrograph::is_cut_off(jpeg), "a JPEG with an end");
  for (size_t length = 2; length < jpeg.size(); ++length)
    expect(retrograph::is_cut_off(Bytes(jpeg.begin(), jpeg.begin() + static_cast<long>(length))),
           "a JPEG without its end");
  expect(!retrograph::is_cut_off({0x89, 'P', 'N', 'G'}), "another kind of file");
}

void preprocessing() {
  using retrograph::Preprocessing;
  expect(Preprocessing::parse("{}").interpolation == "bilinear", "what is missing has its default");
  expect_error("unknown field", [] { Preprocessing::parse(R"({"colour": 1})"); });
  expect_error("choose one of", [] { Preprocessing::parse(R"({"resize": "fit"})"); });
  expect_error("divide by zero", [] { Preprocessing::parse(R"({"std": [1, 0, 1]})"); });
  expect_error("give one a channel", [] { Preprocessing::parse(R"({"mean": [1, 2]})"); });
  const Preprocessing recipe;
  expect_error("takes no pictures", [&] { retrograph::prepare(Picture(4, 4), recipe, "N**", {1, 2, 3}); });
  expect_error("choose another order", [&] { retrograph::prepare(Picture(4, 4), recipe, "NCHW", {1, 1, 8, 8}); });
  expect_error("too elongated", [&] { retrograph::prepare(Picture(100000, 1), recipe, "NCHW", {1, 3, 224, 224}); });
  Preprocessing none;
  none.resize = "none";
  expect_error("the model takes 8x8", [&] { retrograph::prepare(Picture(4, 4), none, "NCHW", {1, 3, 8, 8}); });
  Preprocessing grey;
  grey.order = "gray";
  expect(retrograph::prepare(Picture(4, 5), grey, "NHW", {1, -1, -1}).item.shape == retrograph::Shape({5, 4}),
         "an input without an axis of channels");
}

void contracts(const std::map<std::string, std::string>& metadata) {
  const auto with = [&](const std::string& key, const std::string& value) {
    auto changed = metadata;
    changed["retrograph." + key] = value;
    return [changed] { retrograph::Contract::parse(changed); };
  };
  with("unknown", "a key that a newer retrograph may write")();
  expect_error("contract 2, and 1 is known", with("contract", "2"));
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"contract", "one"}, {"many", "yes"}, {"shape", "{}"}, {"explained", "[]"}, {"select", "some"},
           {"names", "[]"}, {"preprocessing", "{\"scale\": 0}"}, {"labels", "[1]"}})
    expect_error("damaged", with(key, value));
  auto classes = metadata;
  classes["retrograph.shape"] = "[1, 1, 2]", classes["retrograph.channel_axis"] = "2";
  classes["retrograph.labels"] = "[\"cat\", \"dog\"]";
  const auto named = retrograph::Contract::parse(classes);
  expect(named.unit_of(1) == std::vector<int64_t>({0, 0, 1}) && named.label({0, 0, 1}) == "dog", "a class's name");
  expect(named.label({0, 0, 2}).empty() && named.label({1}).empty(), "no class, no name");
  classes["retrograph.shape"] = "[1, 3, 2]";
  expect(retrograph::Contract::parse(classes).label({0, 0, 1}).empty(), "a unit of a map is no class");
  expect_error("no axis of", with("channel_axis", "3"));
  expect_error("no graph that retrograph has built", [] { retrograph::Contract::parse({{"labels", "a"}}); });
  auto missing = metadata;
  missing.erase("retrograph.method");
  expect_error("retrograph.method is missing", [&] { retrograph::Contract::parse(missing); });
}

// A graph that is chosen by units, asked wrongly.
void graphs(const Path& cases) {
  using retrograph::Choice;
  const Path folder = cases / "graphs" / "no-outputs";
  const Path file = folder / "built.onnx";
  const retrograph::Explainer explain(file);
  contracts(explain.session().metadata());
  const Picture picture(9, 7, 90);
  expect_error("give a unit", [&] { explain.explain(picture); });
  expect_error("chosen by 3 numbers", [&] { explain.explain(picture, {1, 2}); });
  expect_error("out of range", [&] { explain.explain(picture, {99, 0, 0}); });
  expect_error("units for 2 items", [&] {
    explain.explain(picture, Choice(retrograph::Integers{{2, 3}, {1, 0, 0, 2, 0, 0}}));
  });
  expect_error("missing input: 'x'", [&] { explain.explain(retrograph::Tensors{}, {1, 0, 0}); });
  expect_error("takes float32 [?, 8, 8, 3]", [&] {
    explain.explain(retrograph::Tensor(retrograph::Floats{{1, 2}, {1, 2}}), {1, 0, 0});
  });
  expect_error("no input 'y'", [&] {
    explain.explain(retrograph::Tensors{{"y", retrograph::Floats{{1}, {1}}}}, {1, 0, 0});
  });
  expect_error("style is 'pretty'", [&] { explain.draw(retrograph::Floats{{3, 2, 2}, {}}, "pretty"); });
  expect_error("does not exist", [&] { retrograph::Explainer(folder / "nothing.onnx"); });
  expect_error("is a folder", [&] { retrograph::Explainer explainer(folder); });
  std::string bytes = read_bytes(file);
  expect(retrograph::Explainer(bytes.data(), bytes.size()).contract().method == explain.contract().method,
         "a graph in memory");
  bytes.resize(bytes.size() / 2);
  expect_error("cannot load the graph", [&] { retrograph::Explainer(bytes.data(), bytes.size()); });
  retrograph::Options options;
  options.device = "nowhere";
  expect_error("device 'nowhere' was asked for and the installed ONNX Runtime",
               [&] { retrograph::Explainer(file, options); });
  options.device = "cpu,fast";
  expect_error("no option of a provider", [&] { retrograph::Explainer(file, options); });

}

// Noise, the same for the same seed.
Picture noise(uint32_t seed) {
  Picture picture(11, 9);
  for (uint8_t& level : picture.pixels) level = static_cast<uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  return picture;
}

// One session, many threads, each with a picture of its own: each gets what it got alone.
void threads(const Path& cases) {
  constexpr int count = 8, runs = 50;
  const retrograph::Explainer explain(cases / "graphs" / "no-outputs" / "built.onnx");
  std::vector<retrograph::Attribution> alone;
  for (int thread = 0; thread < count; ++thread) {
    alone.push_back(explain.explain(noise(static_cast<uint32_t>(thread)), {4, 1, 2}));
    for (int other = 0; other < thread; ++other)
      expect(alone[static_cast<size_t>(other)].score.values != alone.back().score.values, "pictures that differ");
  }
  std::atomic<int> wrong{0};
  std::vector<std::thread> all;
  for (int thread = 0; thread < count; ++thread)
    all.emplace_back([&, thread] {
      const Picture picture = noise(static_cast<uint32_t>(thread));
      for (int run = 0; run < runs; ++run) {
        const auto answer = explain.explain(picture, {4, 1, 2});
        const auto& wanted = alone[static_cast<size_t>(thread)];
        if (answer.attribution().values != wanted.attribution().values || answer.score.values != wanted.score.values)
          ++wrong;
      }
    });
  for (std::thread& each : all) each.join();
  expect(wrong == 0, std::to_string(wrong) + " answers of threads are wrong");
}

}  // namespace

int main(int count, char** texts) {
  try {
    if (count < 2) throw Error("usage: checks CASES [--runtime LIBRARY]");
#ifdef RETROGRAPH_DLOPEN
    expect_error("is not loaded", [] { retrograph::runtime_version(); });
    expect_error("cannot be loaded", [] { retrograph::load_runtime("/nowhere.so"); });
    if (count > 3) retrograph::load_runtime(texts[3]);
#endif
    json();
    pictures();
    exif();
    cut_off();
    preprocessing();
    graphs(texts[1]);
    threads(texts[1]);
  } catch (const std::exception& error) {
    expect(false, std::string("an exception: ") + error.what());
  }
  std::printf(failures ? "%d checks failed\n" : "all checks passed\n", failures);
  return failures ? 1 : 0;
}
