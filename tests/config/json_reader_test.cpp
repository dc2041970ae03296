// Documents: what is read, where everything stands, and what is said about documents that are
// wrong.

#include "sim/config/json_reader.hpp"

#include "sim/config/json_writer.hpp"
#include "sim/config/problem.hpp"
#include "sim/config/value.hpp"
#include "tests/catch.hpp"

#include <clocale>
#include <string>

using namespace prodsim;

namespace {

/// A document and everything said about it.
struct Read {
    explicit Read(std::string text)
        : value(read_json(sources, "a.json", std::move(text), problems)) {}

    std::string said() const { return problems.render(sources); }
    std::string where(const Value* found) const {
        const auto position = sources.position(found->place());
        return std::to_string(position.line) + ":" + std::to_string(position.column);
    }

    Sources sources;
    Problems problems;
    Value value;
};

std::string nested(std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
}

}  // namespace

TEST_CASE("every value and every key knows its place, comments and escapes notwithstanding") {
    const Read read(
        "{ // first \"line\": [\n"
        "  \"a\\\"b\": [10, /* , */ -2.5e1,\n"
        "    true],\n"
        "  \"gr\xc3\xbc\xc3\x9f\x65\": \"x\", \"n\": null, \"o\": { } }");
    REQUIRE(read.said() == "");
    CHECK(read.where(&read.value) == "1:1");
    const Value* list = read.value.find("a\"b");
    CHECK(read.where(list) == "2:11");
    CHECK(read.where(&list->items()[0]) == "2:12");
    CHECK(list->items()[0].place().length == 2);
    CHECK(read.where(&list->items()[1]) == "2:24");
    CHECK(list->items()[1].number() == -25);
    CHECK(read.where(&list->items()[2]) == "3:5");
    // Columns count characters: the two bytes of each umlaut are one column.
    CHECK(read.where(read.value.find("gr\xc3\xbc\xc3\x9f\x65")) == "4:12");
    CHECK(read.where(read.value.find("n")) == "4:22");
    CHECK(read.where(read.value.find("o")) == "4:33");
    CHECK(read.value.find_member("o")->key_place.length == 3);
}

TEST_CASE("a byte order mark and carriage returns are no trouble") {
    const Read read("\xef\xbb\xbf{\r\n \"a\": 1\r\n}");
    REQUIRE(read.said() == "");
    CHECK(read.where(read.value.find("a")) == "2:7");
}

TEST_CASE("all duplicate keys are reported and the first is kept") {
    const Read read("{ \"a\": 1, \"b\": { \"c\": 1, \"c\": 2 },\n  \"a\": 3 }");
    CHECK(read.said() ==
          "error: the key \"c\" is here twice\n"
          " --> a.json:1:26\n"
          "  |\n"
          "1 | { \"a\": 1, \"b\": { \"c\": 1, \"c\": 2 },\n"
          "  |                          ^^^\n"
          "help: remove one of the two\n"
          "\n"
          "error: the key \"a\" is here twice\n"
          " --> a.json:2:3\n"
          "  |\n"
          "2 |   \"a\": 3 }\n"
          "  |   ^^^\n"
          "help: remove one of the two\n");
    CHECK(read.value.find("a")->number() == 1);
    CHECK(compact_json(read.value) == R"({"a":1,"b":{"c":1}})");
}

TEST_CASE("what is no JSON is said with place and cure") {
    CHECK(Read("").said() ==
          "error: the document is empty\n"
          " --> a.json:1:1\n"
          "  |\n"
          "1 | \n"
          "  | ^\n"
          "help: a scenario is a JSON object: { ... }\n");
    CHECK(Read("{ \"a\": NaN }").said() ==
          "error: NaN is not a number in JSON\n"
          " --> a.json:1:8\n"
          "  |\n"
          "1 | { \"a\": NaN }\n"
          "  |        ^^^\n");
    CHECK(Read("[1,\n 2,\n]").said() ==
          "error: a comma must be followed by another item\n"
          " --> a.json:3:1\n"
          "  |\n"
          "3 | ]\n"
          "  | ^\n"
          "help: remove the comma before ]\n");
    CHECK(Read("[1e999]").said() ==
          "error: this number is too large\n"
          " --> a.json:1:2\n"
          "  |\n"
          "1 | [1e999]\n"
          "  |  ^^^^^\n");
    CHECK(Read("{ a: 1 }").said() ==
          "error: unexpected a, expected string literal\n"
          " --> a.json:1:3\n"
          "  |\n"
          "1 | { a: 1 }\n"
          "  |   ^\n"
          "help: keys stand in double quotes\n");
    CHECK_THAT(Read("{ \"a\": 1").said(), StartsWith("error: the document ends too early\n"));
    CHECK_THAT(Read("{ \"a\": 'x' }").said(), EndsWith("help: texts stand in double quotes\n"));
    CHECK_THAT(Read("{ \"a\": \"x\n\" }").said(),
               StartsWith("error: this text has no closing quote\n --> a.json:1:10\n"));
    CHECK_THAT(Read("[-Infinity]").said(),
               StartsWith("error: -Infinity is not a number in JSON\n"));
    CHECK_THAT(Read("{} {}").said(), StartsWith("error: unexpected {, expected end of input\n"));
    CHECK_THAT(Read("/* open").said(), StartsWith("error: invalid comment"));
}

TEST_CASE("a text that is not UTF-8 is refused, cut off or forged") {
    for (const char* bytes : {"\xc3", "\xe2\x82", "\xff", "\xc0\xaf", "\xed\xa0\x80"}) {
        CHECK_THAT(Read("[\"" + std::string(bytes) + "\"]").said(),
                   StartsWith("error: this text is not valid UTF-8\n --> a.json:1:"));
    }
}

TEST_CASE("nesting has a limit, at, below and above") {
    CHECK(Read(nested(json_depth_limit - 1)).said() == "");
    CHECK(Read(nested(json_depth_limit)).said() == "");
    CHECK_THAT(Read(nested(json_depth_limit + 1)).said(),
               StartsWith("error: this is nested more than 200 levels deep\n --> a.json:1:201\n"));
    CHECK_FALSE(Read(std::string(1'000'000, '[')).problems.empty());
}

TEST_CASE("a document has a limit of 64 MiB") {
    CHECK_THAT(Read(std::string(std::size_t{100} << 20, ' ')).said(),
               StartsWith("error: the document has 100 MiB; the limit is 64 MiB\n"));
}

TEST_CASE("a hundred thousand keys are read in one go") {
    std::string text = "{";
    for (int i = 0; i < 100'000; ++i) text += "\"" + std::to_string(i) + "\":1,";
    const Read read(text + "\"0\":2}");
    CHECK(read.problems.size() == 1);
    CHECK(read.value.members().size() == 100'000);
}

TEST_CASE("the excerpt of a very long line is cut around the place") {
    const Read read("[" + std::string(500, ' ') + "oops" + std::string(500, ' ') + "]");
    const std::string dots = "..." + std::string(60, ' ') + "oops" + std::string(56, ' ') + "...";
    CHECK(read.said() ==
          "error: unexpected oops\n"
          " --> a.json:1:502\n"
          "  |\n"
          "1 | " +
              dots +
              "\n"
              "  | " +
              std::string(63, ' ') +
              "^^^^\n"
              "help: texts stand in double quotes\n");
}

TEST_CASE("only so many problems are kept, all are counted") {
    Problems problems;
    for (int i = 0; i < 250; ++i) problems.add(nowhere, "no");
    CHECK(problems.size() == 250);
    CHECK(problems.kept().size() == Problems::limit);
    CHECK_THAT(problems.render(Sources()), EndsWith("\nand 50 more problems\n"));
}

TEST_CASE("a problem without a place names its path, and raising throws what is rendered") {
    Problems problems;
    const Sources sources;
    CHECK_NOTHROW(problems.raise(sources));
    problems.add({nowhere, "too small", "make it larger", "shop.threads"});
    try {
        problems.raise(sources);
        FAIL("nothing was thrown");
    } catch (const InvalidInput& wrong) {
        CHECK(std::string(wrong.what()) ==
              "error: too small\n --> shop.threads\nhelp: make it larger\n");
        CHECK(wrong.problems().size() == 1);
    }
}

TEST_CASE("words are close by Damerau and Levenshtein's distance") {
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("retyr", "retry") == 1);
    const std::string_view words[] = {"replicas", "region", "rate"};
    CHECK(closest("replicaz", words) == "replicas");
    CHECK(closest("ratio", words) == "rate");
    CHECK(closest("timeout", words).empty());
    CHECK(suggestion("x", words) == "choose among replicas, region, rate");
    CHECK(closest(std::string(100'000, 'a'), words).empty());
}

TEST_CASE("numbers survive reading and writing whatever the locale") {
    const std::string text = R"([0,-1,9007199254740993,9223372036854775807,0.1,1e+300,5e-324,1.5])";
    std::setlocale(LC_ALL, "de_DE.UTF-8");
    const Read read(text);
    CHECK(compact_json(read.value) == text);
    std::setlocale(LC_ALL, "C");
    CHECK(Read("[18446744073709551615]").value.items()[0].whole_number() == std::nullopt);
    CHECK(Read("[3.0]").value.items()[0].whole_number() == 3);
}

TEST_CASE("what is written reads back as the same, compact or pretty") {
    const Value value = Value::object(
        {{"text", "line\nquote\" back\\slash \x01 \xc3\xbc"},
         {"list", Value::array({Value(1), Value(true), Value(), Value::array(), Value::object()})},
         {"long", Value::array({Value(std::string(60, 'a')), Value(std::string(60, 'b'))})}});
    CHECK(Read(compact_json(value)).value == value);
    CHECK(Read(pretty_json(value)).value == value);
    CHECK(pretty_json(Value::object({{"a", Value::array({1, 2})}})) == "{ \"a\": [1, 2] }\n");
    CHECK_THAT(pretty_json(value), ContainsSubstring("\n  \"long\": [\n    \"aaa"));
}

TEST_CASE("values compare by content, not by order, place or spelling of numbers") {
    CHECK(Read(R"({"a": 1, "b": [1.0]})").value == Read(R"({"b":[1],"a":1})").value);
    CHECK_FALSE(Read(R"({"a": 1})").value == Read(R"({"a": 1, "b": 1})").value);
    CHECK_FALSE(Value("1") == Value(1));
    CHECK_FALSE(Value(false) == Value());
}

TEST_CASE("a path sets what it leads to and makes objects on the way") {
    Value value = Read(R"({"faults": [{"at": "1s"}], "shop": {"threads": 1}})").value;
    Problems problems;
    value.set_path("shop.threads", 5, problems);
    value.set_path("shop.queue.limit", 7, problems);
    value.set_path("faults.0.at", "2s", problems);
    value.set_path("/requirements/order.p99", "<= 1s", problems);
    CHECK(problems.empty());
    CHECK(compact_json(value) ==
          R"({"faults":[{"at":"2s"}],"shop":{"threads":5,"queue":{"limit":7}},)"
          R"("requirements":{"order.p99":"<= 1s"}})");
    CHECK(value.find_path("shop.queue.limit")->number() == 7);
    CHECK(value.find_path("shop.nothing") == nullptr);
    value.set_path("shop.threads.max", 5, problems);
    value.set_path("faults.1.at", "2s", problems);
    CHECK(problems.render(Sources()) ==
          "error: cannot set \"shop.threads.max\": \"max\" would be inside a number\n"
          " --> shop.threads.max\n"
          "\n"
          "error: cannot set \"faults.1.at\": \"1\" would be inside a list of 1\n"
          " --> faults.1.at\n");
}

TEST_CASE("a patch merges objects, removes by null and replaces all else") {
    // The example of RFC 7396, section 3.
    const Value target =
        Read(R"({"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},)"
             R"("tags":["example","sample"],"content":"This will be unchanged"})")
            .value;
    const Value patch = Read(R"({"title":"Hello!","phoneNumber":"+01-123-456-7890",)"
                             R"("author":{"familyName":null},"tags":["example"]})")
                            .value;
    CHECK(merge_patch(target, patch) ==
          Read(R"({"title":"Hello!","author":{"givenName":"John"},"tags":["example"],)"
               R"("content":"This will be unchanged","phoneNumber":"+01-123-456-7890"})")
              .value);
}
