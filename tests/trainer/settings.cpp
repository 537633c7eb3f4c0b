#include "settings.hpp"

#include "catch.hpp"

#include <array>
#include <string>

namespace {

trainer::Dataset small_data() {
  trainer::Dataset data;
  data.name = "a folder, \"mine\"";
  data.classes = 10;
  for (trainer::LabelledImages* set : {&data.train, &data.test}) {
    set->size = {2, 3};
    set->labels.resize(set == &data.train ? 70 : 7);
    set->images.resize(set->count(), 6);
  }
  return data;
}

std::string settings_of(const char* method) {
  trainer::Recipe recipe = *trainer::find_recipe(method);
  recipe.batch = 16;
  recipe.encoder = {48, 40};
  trainer::Options options;
  options.seed = 7;
  return trainer::settings_csv(options, recipe, small_data(), 12, "selfsup-train --seed 7");
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the command is one that a shell takes back") {
  const std::array<const char*, 8> words = {
      "/some/path/selfsup-train", "--encoder", "48,40", "", "two words", "it's", "$HOME", "a\nb"};
  CHECK(trainer::command_text(static_cast<int>(words.size()), words.data()) ==
        "selfsup-train --encoder 48,40 '' 'two words' 'it'\\''s' '$HOME' 'a\nb'");
}

TEST_CASE("settings.csv names command, data, method and program") {
  const std::string text = settings_of("ntxent");
  CHECK(text.rfind("setting,value\ncommand,selfsup-train --seed 7\n", 0) == 0);
  for (const char* line :
       {"method,ntxent", "seed,7", "data,\"a folder, \"\"mine\"\"\"", "training_images,70",
        "test_images,7", "channels,1", "rows,2", "columns,3", "epochs,12", "steps_per_epoch,4",
        "batch,16", "encoder,\"48,40\"", "jitter_scale,\"0.8,1.2\"", "label_percents,\"1,10,100\"",
        "label_draws,\"20,5,1\"", "label_images,\"1,7,70\""}) {
    INFO(line);
    CHECK(has_line(text, line));
  }
  for (const char* key : {"version", "code", "compiler", "threads"}) {
    INFO(key);
    CHECK(text.find("\n" + std::string(key) + ",") != std::string::npos);
  }
}

TEST_CASE("settings.csv has the settings that a method has") {
  const std::string contrastive = settings_of("ntxent");
  CHECK(contrastive.find("\ntemperature,") != std::string::npos);
  CHECK(contrastive.find("\ntarget_rate,") == std::string::npos);
  const std::string byol = settings_of("byol");
  CHECK(byol.find("\ntemperature,") == std::string::npos);
  CHECK(byol.find("\ntarget_rate,") != std::string::npos);
  CHECK(byol.find("\npredictor,64\n") != std::string::npos);
}
