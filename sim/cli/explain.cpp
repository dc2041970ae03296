#include "sim/cli/command.hpp"
#include "sim/cli/language.hpp"
#include "sim/config/problem.hpp"

namespace prodsim::cli {

namespace {

class Explain final : public Command {
public:
    explicit Explain(CLI::App& program)
        : Command(program, "explain", "Say what a word of a scenario means.") {
        app()
            .add_option("WORD", word_, "\"threads\", \"service.threads\", \"retry\" ...")
            ->required()
            ->type_name("");
    }

    ExitCode run() override {
        const Reference reference = reference_of_language();
        if (const auto text = prodsim::explain(word_, reference)) {
            print(*text);
            return ExitCode::fine;
        }
        const std::vector<std::string> known = explainable_words(reference);
        const std::vector<std::string_view> words(known.begin(), known.end());
        const std::string_view meant = closest(word_, words);
        throw UsageError("nothing is called " + in_quotes(word_),
                         meant.empty() ? "\"prodsim components\" lists everything"
                                       : "did you mean " + in_quotes(meant) + "?");
    }

private:
    std::string word_;
};

}  // namespace

std::unique_ptr<Command> explain_command(CLI::App& program) {
    return std::make_unique<Explain>(program);
}

}  // namespace prodsim::cli
