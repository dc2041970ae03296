// The rules of style that a machine can check. Each finding names its place and its cure. Rules
// about code look at the text without comments and literals, so that prose may name what is banned.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prodsim::tidy {

using Lines = std::vector<std::string>;

struct Source {
    std::string path;
    Lines text;
    Lines code;
};

/// `sim/world/cpu.cpp:12: std::shared_ptr: own with std::unique_ptr, refer with &`
using Findings = std::vector<std::string>;

inline bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Path prefixes end at a folder or name their file in full, except those that end in '_'.
inline bool is_under(std::string_view path, std::string_view place) {
    return path.starts_with(place) && (path.size() == place.size() || place.ends_with('_') ||
                                       place.ends_with('/') || path[place.size()] == '/');
}

inline bool is_under_any(std::string_view path, const Lines& places) {
    return std::any_of(places.begin(), places.end(),
                       [&](const std::string& place) { return is_under(path, place); });
}

inline void add(Findings& findings, const Source& source, std::size_t line,
                std::string_view message) {
    findings.push_back(source.path + ":" + std::to_string(line + 1) + ": " + std::string(message));
}

inline Lines split_lines(std::string_view text) {
    Lines lines;
    std::istringstream in{std::string(text)};
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

/// Where the comment or literal that begins at `start` ends; `start` itself where none begins.
inline std::size_t end_of_prose(std::string_view text, std::size_t start) {
    const auto after = [&](std::string_view closing, std::size_t from) {
        const std::size_t found = text.find(closing, from);
        return found == std::string_view::npos ? text.size() : found + closing.size();
    };
    const std::string_view rest = text.substr(start);
    if (rest.starts_with("//")) return std::min(text.find('\n', start), text.size());
    if (rest.starts_with("/*")) return after("*/", start + 2);
    if (rest.starts_with("R\"")) {
        const std::size_t open = text.find('(', start);
        if (open == std::string_view::npos) return text.size();
        return after(")" + std::string(text.substr(start + 2, open - start - 2)) + "\"", open);
    }
    const char quote = text[start];
    const bool separates_digits = quote == '\'' && start > 0 && is_word(text[start - 1]);
    if ((quote != '"' && quote != '\'') || separates_digits) return start;
    std::size_t end = start + 1;
    while (end < text.size() && text[end] != quote) end += text[end] == '\\' ? 2 : 1;
    return std::min(end + 1, text.size());
}

/// Blanks comments and literals, line by line. The names of included files remain.
inline std::string without_prose(std::string_view text) {
    std::string code(text);
    bool line_starts = true;
    for (std::size_t here = 0; here < text.size();) {
        if (line_starts && text.substr(here).starts_with("#include")) {
            here = std::min(text.find('\n', here), text.size());
            continue;
        }
        const std::size_t end = end_of_prose(text, here);
        for (std::size_t i = here; i < end; ++i) {
            if (code[i] != '\n') code[i] = ' ';
        }
        line_starts = text[here] == '\n';
        here = std::max(end, here + 1);
    }
    return code;
}

inline Source source_from(std::string path, std::string_view text) {
    return {.path = std::move(path),
            .text = split_lines(text),
            .code = split_lines(without_prose(text))};
}

// --- Layers --------------------------------------------------------------------------------------

/// What layers.txt says: per place, the places it may include; per outside header, its places.
struct Layers {
    std::map<std::string, Lines> includes;
    std::map<std::string, Lines> only_in;
};

inline Layers read_layers(std::istream& in) {
    Layers layers;
    for (std::string line; std::getline(in, line);) {
        std::istringstream words{line};
        std::string subject;
        std::string verb;
        std::string in_word;
        if (!(words >> subject) || subject.starts_with('#')) continue;
        words >> verb;
        if (verb == "only") words >> in_word;
        if (verb != "includes" && in_word != "in") {
            throw std::runtime_error("layers.txt: not a rule: " + line);
        }
        Lines& places = verb == "includes" ? layers.includes[subject] : layers.only_in[subject];
        for (std::string place; words >> place;) places.push_back(place);
    }
    return layers;
}

/// The rule with the longest subject that `name` starts with, or none.
inline const std::pair<const std::string, Lines>* longest_match(
    const std::map<std::string, Lines>& rules, std::string_view name) {
    const std::pair<const std::string, Lines>* best = nullptr;
    for (const auto& rule : rules) {
        const bool longer = best == nullptr || rule.first.size() > best->first.size();
        if (longer && is_under(name, rule.first)) best = &rule;
    }
    return best;
}

inline std::string listed(const Lines& places) {
    std::string list;
    for (const std::string& place : places) list += (list.empty() ? "" : ", ") + place;
    return list.empty() ? "nothing" : list;
}

inline void check_project_include(Findings& findings, const Source& source, std::size_t line,
                                  const std::string& name, const Layers& layers) {
    const auto* rule = longest_match(layers.includes, source.path);
    if (rule == nullptr) {
        add(findings, source, line, "no line of tests/tidy/layers.txt covers this file: add one");
    } else if (name.find('/') == std::string::npos) {
        add(findings, source, line,
            "\"" + name + "\": name it from the top of the repository, as \"sim/core/time.hpp\"");
    } else if (!is_under_any(name, rule->second)) {
        add(findings, source, line,
            rule->first + " may not know " + name + " (it includes " + listed(rule->second) +
                "): move the code up, or turn the dependency round");
    }
}

/// The headers of the program and of the Python module are nobody else's.
inline bool is_shared_header(std::string_view path) {
    return path.ends_with(".hpp") && is_under(path, "sim") && !is_under(path, "sim/cli");
}

inline void check_outside_include(Findings& findings, const Source& source, std::size_t line,
                                  const std::string& name, const Layers& layers) {
    const bool is_standard = name.find_first_of("./") == std::string::npos;
    if (is_standard) return;
    const auto* rule = longest_match(layers.only_in, name);
    if (rule == nullptr) {
        add(findings, source, line,
            "<" + name + "> is of no library that this project uses: see tests/tidy/layers.txt");
    } else if (!is_under_any(source.path, rule->second)) {
        add(findings, source, line,
            "<" + name + "> belongs only in " + listed(rule->second) +
                ": go through their headers");
    } else if (is_shared_header(source.path) && !name.ends_with("fwd.hpp") &&
               std::find(rule->second.begin(), rule->second.end(), source.path) ==
                   rule->second.end()) {  // a rule that names this very header means it
        add(findings, source, line,
            "<" + name + "> is heavy: include it in the .cpp file and pass plain types");
    }
}

inline Findings check_layers(const Source& source, const Layers& layers) {
    Findings findings;
    for (std::size_t line = 0; line < source.code.size(); ++line) {
        std::istringstream words{source.code[line]};
        std::string directive;
        std::string file;
        if (!(words >> directive >> file) || directive != "#include" || file.size() < 3) continue;
        const std::string name = file.substr(1, file.size() - 2);
        if (file.front() == '"') {
            check_project_include(findings, source, line, name, layers);
        } else {
            check_outside_include(findings, source, line, name, layers);
        }
    }
    return findings;
}

// --- Words ---------------------------------------------------------------------------------------

struct Ban {
    std::string word;
    std::string cure;
    Lines places = {"sim", "models", "python", "tests"};
    Lines exceptions = {};
};

inline std::vector<Ban> banned_words() {
    const Lines engine{"sim/core", "sim/world", "models"};
    const Lines below_run{"sim/core", "sim/stats", "sim/config", "sim/world", "models"};
    const Lines below_cli{"sim/core", "sim/stats", "sim/config", "sim/world",
                          "sim/run",  "sim/study", "models"};
    std::vector<Ban> bans{
        {"std::function", "use Action, or a template parameter", engine},
        {"std::shared_ptr", "own with std::unique_ptr, refer with &"},
        {"std::make_shared", "own with std::unique_ptr, refer with &"},
        {"std::random_device", "draw from a named stream of sim/core/random.hpp"},
        {"rand", "draw from a named stream of sim/core/random.hpp"},
        {"srand", "draw from a named stream of sim/core/random.hpp"},
        {"std::unordered_map", "its order differs between libraries: use std::vector or std::map",
         engine},
        {"std::unordered_set", "its order differs between libraries: use std::vector or std::set",
         engine},
        {"std::unordered_multimap", "its order differs between libraries: use std::multimap",
         engine},
        {"system_clock", "time comes from Engine::now()", below_run},
        {"steady_clock", "time comes from Engine::now()", below_run},
        {"high_resolution_clock", "time comes from Engine::now()", below_run},
        {"getenv",
         "pass it as a parameter: there are no hidden inputs",
         below_cli,
         // It changes no result, and the lowest layer alone needs it.
         {"sim/core/wanted_isa.cpp"}},
        {"std::cout", "return the text: printing belongs to sim/cli", below_cli},
        {"std::cerr", "return the text: printing belongs to sim/cli", below_cli},
        {"printf", "return the text: printing belongs to sim/cli", below_cli},
        {"throw", "answer with an Outcome: models neither throw nor log", {"models"}},
        {"std::format", "not in libstdc++ 12: use std::to_chars"},
        {"std::source_location", "not in clang 14: pass the place as data"},
        {"std::ranges::views", "not in clang 14: use an algorithm or a loop"},
        {"std::views", "not in clang 14: use an algorithm or a loop"},
        {"std::endl", "write '\\n'"},
        {"goto", "use a function with guard clauses"},
    };
    for (const char* name :
         {"exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "pow", "cbrt", "hypot", "sin",
          "cos", "tan", "tgamma", "lgamma", "erf", "erfc", "fma"}) {
        bans.push_back({std::string("std::") + name,
                        "libm picks its code by the CPU: use the functions of sim/core", engine});
    }
    for (const char* name :
         {"uniform_int", "uniform_real", "exponential", "normal", "lognormal", "poisson", "gamma",
          "weibull", "bernoulli", "geometric", "binomial", "discrete", "piecewise_linear"}) {
        bans.push_back({std::string("std::") + name + "_distribution",
                        "differs between libraries: sample with sim/core/distribution.hpp"});
    }
    return bans;
}

/// True where the whole word stands in the line, not a part of a longer name.
inline bool has_word(std::string_view line, std::string_view word) {
    for (std::size_t at = line.find(word); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool starts = at == 0 || (!is_word(line[at - 1]) && line[at - 1] != '.');
        const bool ends = end == line.size() || !is_word(line[end]);
        if (starts && ends) return true;
    }
    return false;
}

inline Findings check_words(const Source& source) {
    static const std::vector<Ban> bans = banned_words();
    Findings findings;
    // The naive peer of the benchmark is made of what everybody else must not use.
    if (is_under(source.path, "tests/benchmark")) return findings;
    for (const Ban& ban : bans) {
        if (!is_under_any(source.path, ban.places)) continue;
        if (is_under_any(source.path, ban.exceptions)) continue;
        for (std::size_t line = 0; line < source.code.size(); ++line) {
            if (has_word(source.code[line], ban.word)) {
                add(findings, source, line, ban.word + ": " + ban.cure);
            }
        }
    }
    return findings;
}

// --- Names ---------------------------------------------------------------------------------------

inline Lines words_of(std::string_view line) {
    Lines words;
    for (std::size_t at = 0; at < line.size();) {
        std::size_t end = at;
        while (end < line.size() && is_word(line[end])) ++end;
        if (end > at) words.emplace_back(line.substr(at, end - at));
        at = std::max(end, at + 1);
    }
    return words;
}

/// The names of types that say nothing, where they are declared.
inline Findings check_names(const Source& source) {
    Findings findings;
    for (std::size_t line = 0; line < source.code.size(); ++line) {
        const Lines words = words_of(source.code[line]);
        for (std::size_t i = 0; i + 1 < words.size(); ++i) {
            if (words[i] != "class" && words[i] != "struct") continue;
            for (const char* ending : {"Impl", "Manager", "Helper", "Helpers", "Util", "Utils"}) {
                if (!words[i + 1].ends_with(ending)) continue;
                add(findings, source, line, words[i + 1] + ": name what it is, not that it helps");
            }
        }
    }
    return findings;
}

/// Test names become arguments of the test program: these characters mean something there.
inline Findings check_test_names(const Source& source) {
    constexpr std::string_view opening = "TEST_CASE(\"";
    Findings findings;
    for (std::size_t line = 0; line < source.text.size(); ++line) {
        const std::string& text = source.text[line];
        if (!text.starts_with(opening)) continue;
        const std::size_t end = text.find('"', opening.size());
        const std::string name = text.substr(opening.size(), end - opening.size());
        if (name.find_first_of("[];*~\\") != std::string::npos) {
            add(findings, source, line, "a test's name has no [ ] ; * ~ \\ or quotes: rephrase");
        }
    }
    return findings;
}

// --- Layout --------------------------------------------------------------------------------------

inline constexpr std::size_t longest_line = 100;
inline constexpr std::size_t longest_file = 700;

/// Counts characters, not bytes: those that continue a UTF-8 character do not count.
inline std::size_t columns(std::string_view line) {
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

inline void check_line(Findings& findings, const Source& source, std::size_t line) {
    const std::string& text = source.text[line];
    if (columns(text) > longest_line) add(findings, source, line, "over 100 columns: break it");
    if (text.find('\t') != std::string::npos) add(findings, source, line, "a tab: use spaces");
    if (text.ends_with(' ')) add(findings, source, line, "ends in a space: run clang-format");
    for (const char* mark : {"TO"
                             "DO",
                             "FIX"
                             "ME",
                             "XX"
                             "X"}) {
        if (has_word(text, mark)) {
            add(findings, source, line, std::string(mark) + ": do it, or open an issue");
        }
    }
}

inline void check_macro(Findings& findings, const Source& source, std::size_t line) {
    std::istringstream words{source.code[line]};
    std::string directive;
    std::string name;
    if (!(words >> directive >> name) || directive != "#define") return;
    if (name.find('(') != std::string::npos) {
        add(findings, source, line, name + ": no macros: write a function or a template");
    } else if (!source.path.starts_with("tests/")) {
        add(findings, source, line, name + ": no macros: write a constexpr constant");
    }
}

/// A header in models/ is a data structure or a law that a component is made of.
inline void check_model_header(Findings& findings, const Source& source) {
    for (std::size_t line = 0; line < source.code.size(); ++line) {
        if (source.code[line].find("#include \"sim/world/") == std::string::npos) continue;
        add(findings, source, line,
            "a component is one .cpp: tests build it from JSON, as users do; only what it is made "
            "of may have a header, which knows nothing of sim/world");
    }
}

inline Findings check_layout(const Source& source) {
    Findings findings;
    for (std::size_t line = 0; line < source.text.size(); ++line) {
        check_line(findings, source, line);
        check_macro(findings, source, line);
    }
    if (source.text.size() > longest_file) {
        add(findings, source, longest_file,
            "over " + std::to_string(longest_file) + " lines: this file is two files");
    }
    const bool is_header = source.path.ends_with(".hpp");
    if (is_header && std::count(source.code.begin(), source.code.end(), "#pragma once") != 1) {
        add(findings, source, 0, "a header says #pragma once");
    }
    if (is_header && is_under(source.path, "models") && source.path != "models/catalogue.hpp") {
        check_model_header(findings, source);
    }
    return findings;
}

inline Findings check_all(const Source& source, const Layers& layers) {
    Findings all;
    for (const Findings& findings :
         {check_layers(source, layers), check_words(source), check_names(source),
          check_test_names(source), check_layout(source)}) {
        all.insert(all.end(), findings.begin(), findings.end());
    }
    return all;
}

/// Every source below the folder, in the order of their paths.
inline std::vector<Source> sources_in(const std::filesystem::path& folder) {
    Lines paths;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        const auto extension = entry.path().extension();
        if (extension == ".hpp" || extension == ".cpp") {
            paths.push_back(entry.path().generic_string());
        }
    }
    std::sort(paths.begin(), paths.end());
    std::vector<Source> sources;
    for (const std::string& path : paths) {
        std::ifstream in{path};
        const std::string text{std::istreambuf_iterator<char>{in}, {}};
        sources.push_back(source_from(path, text));
    }
    return sources;
}

}  // namespace prodsim::tidy
