// explain BUILT.onnx PICTURE OUT.png: what in a picture drives a unit, as a picture.
#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <retrograph/retrograph.hpp>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr double most_pixels = 89478485;  // of an enlarged picture

const char usage[] =
    "usage: explain BUILT.onnx PICTURE OUT.png [--unit CLASS | --unit I,J,...] [--style signed|heat|overlay]\n"
    "               [--scale N] [--device cpu|cuda|...] [--threads N] [--help]"
#ifdef RETROGRAPH_DLOPEN
    " --runtime libonnxruntime.so"
#endif
    "\n";

struct Arguments {
  std::vector<std::string> files;
  std::string unit, style = "signed", runtime;
  bool wants_help = false;
  int scale = 0;  // how many times as large as the model's input; 0: as suits the eye
  retrograph::Options options;
};

int whole_number(const std::string& option, const std::string& text, int least) {
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc() || rest != end || number < least)
    throw retrograph::Error(option + " takes a whole number from " + std::to_string(least) + ", not '" + text + "'");
  return number;
}

bool ends_in_png(const std::string& path) {
  std::string suffix = std::filesystem::path(path).extension().string();
  for (char& letter : suffix) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return suffix == ".png";
}

Arguments parse(int count, char** texts) {
  Arguments given;
  for (int i = 1; i < count; ++i) {
    const std::string text = texts[i];
    if (text == "--help") {
      given.wants_help = true;
      continue;
    }
    if (text.rfind("--", 0) != 0) {
      given.files.push_back(text);
      continue;
    }
    if (i + 1 == count) throw retrograph::Error(text + " takes a value");
    const std::string value = texts[++i];
    if (text == "--unit") given.unit = value;
    else if (text == "--style") given.style = value;
    else if (text == "--scale") given.scale = whole_number(text, value, 1);
    else if (text == "--device") given.options.device = value;
    else if (text == "--threads") given.options.threads = whole_number(text, value, 0);
    else if (text == "--runtime") given.runtime = value;
    else throw retrograph::Error("unknown option " + text + "; see --help");
  }
  return given;
}

std::vector<unsigned char> read_file(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw retrograph::Error(path + " is a folder, not a picture; name a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw retrograph::Error(path + " cannot be read; check the path");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The picture in a file: upright, what is transparent laid on white.
retrograph::Picture read_picture(const std::string& path) {
  const std::vector<unsigned char> file = read_file(path);
  if (retrograph::is_cut_off(file)) throw retrograph::Error(path + " is damaged (it is cut off); save it anew");
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> rgba(
      stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width, &height, &channels, 4),
      stbi_image_free);
  if (!rgba)
    throw retrograph::Error(path + " is no picture that can be read (" + stbi_failure_reason() +
                            "); save it as PNG or JPEG");
  return retrograph::upright(retrograph::from_rgba(width, height, rgba.get()), retrograph::exif_orientation(file));
}

// Writes a PNG file whole or not at all.
void write_picture(const std::string& path, const retrograph::Picture& picture) {
  const std::string unfinished = path + ".part";
  const int written = stbi_write_png(unfinished.c_str(), picture.width, picture.height, 3,
                                     picture.pixels.data(), picture.width * 3);
  std::error_code failed;
  if (written) std::filesystem::rename(unfinished, path, failed);
  if (!written || failed) {
    std::filesystem::remove(unfinished, failed);
    throw retrograph::Error(path + " cannot be written; check that its folder is there");
  }
}

// The picture so many times as large, its pixels as squares; for 0 with a shorter side of at least 256.
retrograph::Picture enlarged(const retrograph::Picture& picture, int scale) {
  const int shorter = std::min(picture.width, picture.height);
  const int times = scale > 0 ? scale : (255 + shorter) / shorter;
  const double width = static_cast<double>(times) * picture.width, height = static_cast<double>(times) * picture.height;
  if (width * height > most_pixels)
    throw retrograph::Error("--scale " + std::to_string(times) + " makes " + picture.size() +
                            " too large to draw; give a smaller number");
  return retrograph::resample(picture, times * picture.width, times * picture.height, "nearest");
}

// A unit as it is typed: numbers, or the name of a class.
retrograph::Choice choice(const std::string& text, const retrograph::Contract& contract) {
  if (text.empty()) return {};
  for (size_t label = 0; label < contract.labels.size(); ++label)
    if (contract.label(contract.unit_of(static_cast<int64_t>(label))) == text)
      return retrograph::Choice(contract.unit_of(static_cast<int64_t>(label)));
  retrograph::Index unit;
  for (const char* at = text.c_str();; ++at) {
    char* end = nullptr;
    unit.push_back(std::strtoll(at, &end, 10));
    if (end == at || (*end != ',' && *end != '\0'))
      throw retrograph::Error("unit '" + text + "' is no class of the graph, nor numbers such as 17,4,5");
    at = end;
    if (*at == '\0') break;
  }
  return retrograph::Choice(unit);
}

std::string sentence(const retrograph::Contract& contract, const retrograph::Attribution& a) {
  std::string text = contract.method + " of " + contract.layer + ", unit";
  for (const int64_t place : a.unit.values) text += " " + std::to_string(place);
  const std::string label = contract.label(a.unit.values);
  return text + (label.empty() ? "" : " (" + label + ")") + ", score " + std::to_string(a.score.values.at(0));
}

int run(const Arguments& given) {
#ifdef RETROGRAPH_DLOPEN
  if (given.runtime.empty()) throw retrograph::Error("give the path of ONNX Runtime's library: --runtime libonnxruntime.so");
  retrograph::load_runtime(given.runtime);
#endif
  if (!ends_in_png(given.files[2])) throw retrograph::Error(given.files[2] + " is no .png; name the picture OUT.png");
  const retrograph::Explainer explain(given.files[0], given.options);
  const retrograph::Prepared prepared = explain.prepare(read_picture(given.files[1]));
  const auto a = explain.explain(explain.batch({prepared.item}), choice(given.unit, explain.contract()));
  const auto drawn = explain.draw(explain.item(a), given.style, prepared.seen);
  write_picture(given.files[2], enlarged(drawn, given.scale));
  std::printf("%s -> %s\n", sentence(explain.contract(), a).c_str(), given.files[2].c_str());
  for (const std::string& note : explain.contract().notes) std::printf("note: %s\n", note.c_str());
  return 0;
}

}  // namespace

int main(int count, char** texts) {
  try {
    const Arguments given = parse(count, texts);
    if (given.wants_help) return std::fputs(usage, stdout) < 0;
    if (given.files.size() == 3) return run(given);
    std::fputs(usage, stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 2;
}
