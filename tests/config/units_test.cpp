// Quantities and expressions: every unit, what is said when one is missing, and the shorthand.

#include "sim/config/units.hpp"

#include "sim/config/expression.hpp"
#include "sim/config/json_reader.hpp"
#include "sim/config/json_writer.hpp"
#include "tests/catch.hpp"

#include <cmath>
#include <limits>
#include <regex>
#include <string>

using namespace prodsim;

namespace {

double value_of(std::string_view text, Dimension dimension) {
    const ParsedQuantity parsed = parse_quantity(text, dimension);
    INFO(text << ": " << parsed.message);
    CHECK(parsed.good());
    return parsed.value;
}

std::string said(const ParsedQuantity& parsed) {
    return parsed.cure.empty() ? parsed.message : parsed.message + "; " + parsed.cure;
}

std::string said(std::string_view text, Dimension dimension) {
    return said(parse_quantity(text, dimension));
}

/// The expression as an object on one line, or the problem.
std::string parsed(const std::string& text) {
    Sources sources;
    Problems problems;
    const Value document = read_json(sources, "a.json", "[\"" + text + "\"]", problems);
    const std::optional<Value> object = parse_expression(document.items()[0], problems);
    return object ? compact_json(*object) : problems.render(sources);
}

}  // namespace

TEST_CASE("each unit has its size") {
    CHECK(value_of("7ns", Dimension::duration) == 7);
    CHECK(value_of("7us", Dimension::duration) == 7e3);
    CHECK(value_of("7\xc2\xb5s", Dimension::duration) == 7e3);
    CHECK(value_of("7\xce\xbcs", Dimension::duration) == 7e3);
    CHECK(value_of("250ms", Dimension::duration) == 250e6);
    CHECK(value_of("0.1s", Dimension::duration) == 1e8);
    CHECK(value_of("1.5 min", Dimension::duration) == 90e9);
    CHECK(value_of("2h", Dimension::duration) == 7200e9);
    CHECK(value_of("1d", Dimension::duration) == 86400e9);
    CHECK(value_of("700/s", Dimension::rate) == 700);
    CHECK(value_of("1.1k/s", Dimension::rate) == 1100);
    CHECK(value_of("4.35M/s", Dimension::rate) == 4350000);
    CHECK(value_of("30/min", Dimension::rate) == 0.5);
    CHECK(value_of("36k/h", Dimension::rate) == 10);
    CHECK(value_of("86400/d", Dimension::rate) == 1);
    CHECK(value_of("5B", Dimension::bytes) == 5);
    CHECK(value_of("1.5KB", Dimension::bytes) == 1500);
    CHECK(value_of("1kB", Dimension::bytes) == 1000);
    CHECK(value_of("1KiB", Dimension::bytes) == 1024);
    CHECK(value_of("64MiB", Dimension::bytes) == 67108864);
    CHECK(value_of("3MB", Dimension::bytes) == 3e6);
    CHECK(value_of("1GiB", Dimension::bytes) == 1073741824);
    CHECK(value_of("2GB", Dimension::bytes) == 2e9);
    CHECK(value_of("1TB", Dimension::bytes) == 1e12);
    CHECK(value_of("100Mbit/s", Dimension::bit_rate) == 1e8);
    CHECK(value_of("10Gbps", Dimension::bit_rate) == 1e10);
    CHECK(value_of("9.6kbit/s", Dimension::bit_rate) == 9600);
    CHECK(value_of("99.9%", Dimension::share) == 0.999);
    CHECK(value_of("2.5e-3", Dimension::number) == 0.0025);
    CHECK(value_of("1e3ms", Dimension::duration) == 1e9);
    CHECK(value_of("0", Dimension::duration) == 0);
}

TEST_CASE("a missing, unknown or impossible unit is said with its cure") {
    CHECK(said("250", Dimension::duration) == R"(is 250 without a unit; write "250ms" or "250s")");
    CHECK(said("700", Dimension::rate) == R"(is 700 without a unit; write "700/s" or "700/min")");
    CHECK(said("5m", Dimension::duration) ==
          R"(is "5m", but "m" is no unit of a duration; minutes are "min", milliseconds are "ms")");
    CHECK(said("5parsec", Dimension::duration) ==
          R"(is "5parsec", but "parsec" is no unit of a duration; )"
          R"(the units of a duration are ns, us, ms, s, min, h, d)");
    CHECK(said("-5ms", Dimension::duration) == R"(is "-5ms", but a duration cannot be negative)");
    CHECK(said("0.1ns", Dimension::duration) == R"(is "0.1ns", which is less than 1ns)");
    CHECK(said("100000d", Dimension::duration) == R"(is "100000d", which is more than 73 years)");
    CHECK(said("1e999s", Dimension::duration) == R"(is "1e999s", which is more than 73 years)");
    CHECK(said("1e99999999999s", Dimension::duration) ==
          R"(is "1e99999999999s", which is more than 73 years)");
    CHECK(said("1.5B", Dimension::bytes) == R"(is "1.5B", which is not a whole number of bytes)");
    CHECK(said("101%", Dimension::share) == R"(is "101%", which is more than 100%)");
    CHECK(said("50", Dimension::share) ==
          R"(is 50, but a share is between 0 and 1; write "50%" for percent)");
    CHECK(said("fast", Dimension::number) == R"(must be a number, not "fast")");
    CHECK_FALSE(parse_quantity("", Dimension::duration).good());
    CHECK_FALSE(parse_quantity("ms", Dimension::duration).good());
    CHECK_FALSE(parse_quantity("nan", Dimension::number).good());
    CHECK_FALSE(parse_quantity("inf%", Dimension::share).good());
    CHECK_FALSE(parse_quantity("1.s", Dimension::duration).good());
    CHECK_FALSE(parse_quantity("1  s", Dimension::duration).good());
}

TEST_CASE("a bare number will do where it is 0 or has no unit") {
    CHECK(bare_number(0, Dimension::duration).good());
    CHECK(bare_number(0.25, Dimension::share).value == 0.25);
    CHECK(bare_number(-3, Dimension::number).value == -3);
    CHECK(said(bare_number(-3, Dimension::rate)) == "is -3, but a rate cannot be negative");
    CHECK_FALSE(bare_number(1.5, Dimension::share).good());
}

TEST_CASE("quantities are written in the largest unit that reads well") {
    using namespace std::chrono_literals;
    CHECK(to_text(Duration(0)) == "0s");
    CHECK(to_text(Duration(16ms)) == "16ms");
    CHECK(to_text(Duration(90s)) == "1.5min");
    CHECK(to_text(Duration(100s)) == "100s");
    CHECK(to_text(Duration(36h)) == "1.5d");
    CHECK(to_text(Duration(1234567ns)) == "1234.567us");
    CHECK(to_text(Duration(1500us)) == "1.5ms");
    CHECK(to_text(Rate{1500}) == "1500/s");
    CHECK(to_text(Rate{0.5}) == "0.5/s");
    CHECK(to_text(Rate{10.0 / 60}) == "10/min");
    CHECK(to_text(Bytes{1500}) == "1.5KB");
    CHECK(to_text(Bytes{1536}) == "1.5KiB");
    CHECK(to_text(Bytes{std::int64_t{64} << 20}) == "64MiB");
    CHECK(to_text(BitRate{1e8}) == "100Mbit/s");
    CHECK(to_text(Share{0.999}) == "99.9%");
    CHECK(to_text(Share{1.0 / 3}) == "0.3333333333333333");
}

TEST_CASE("what is written reads back as exactly the same number") {
    for (Dimension dimension : {Dimension::duration, Dimension::rate, Dimension::bytes,
                                Dimension::bit_rate, Dimension::number}) {
        for (double value = 1; value < 4e18; value = std::floor(value * 1.7 + 3)) {
            if (!parse_quantity(to_text(value, dimension), dimension).good()) {
                CHECK((dimension == Dimension::rate || dimension == Dimension::duration ||
                       dimension == Dimension::bit_rate));
                break;  // beyond the limit
            }
            CHECK(parse_quantity(to_text(value, dimension), dimension).value == value);
        }
    }
    for (double rate = 1e-6; rate < 1e6; rate *= 1.37) {
        CHECK(parse_quantity(to_text(Rate{rate}), Dimension::rate).value == rate);
    }
}

TEST_CASE("the pattern of the schema matches what the parser accepts") {
    const std::regex durations(unit_pattern(Dimension::duration));
    for (const char* good : {"250ms", "1.5 min", "0", "1e3us", "2d"}) {
        CHECK(std::regex_match(good, durations));
        CHECK(parse_quantity(good, Dimension::duration).good());
    }
    for (const char* bad : {"250", "ms", "1..5s", "-1s", "5m", ""}) {
        CHECK_FALSE(std::regex_match(bad, durations));
        CHECK_FALSE(parse_quantity(bad, Dimension::duration).good());
    }
}

TEST_CASE("an expression is an object in short") {
    CHECK(parsed("none") == R"({"type":"none"})");
    CHECK(parsed("none()") == R"({"type":"none"})");
    CHECK(parsed("lognormal(mean=4ms, cv=0.7)") == R"({"type":"lognormal","mean":"4ms","cv":0.7})");
    CHECK(parsed("retry(3, backoff = exp(100ms))") ==
          R"({"type":"retry","#1":3,"backoff":{"type":"exp","#1":"100ms"}})");
    CHECK(parsed("poisson(700/s)") == R"({"type":"poisson","#1":"700/s"})");
    CHECK(parsed("f(on=[a, 1.5, true], file='x, (y).csv', call=shop.order, down=-1)") ==
          R"({"type":"f","on":["a",1.5,true],"file":"x, (y).csv","call":"shop.order","down":-1})");
    CHECK(parsed("f(nan, inf)") == R"({"type":"f","#1":"nan","#2":"inf"})");
}

TEST_CASE("what is wrong in an expression is shown inside it") {
    CHECK(parsed("retry(3") ==
          "error: this bracket is not closed\n"
          " --> a.json:1:8\n"
          "  |\n"
          "1 | [\"retry(3\"]\n"
          "  |        ^\n"
          "help: add a )\n");
    CHECK(parsed("retry(3) twice") ==
          "error: unexpected \"twice\"\n"
          " --> a.json:1:12\n"
          "  |\n"
          "1 | [\"retry(3) twice\"]\n"
          "  |            ^\n");
    CHECK_THAT(parsed("f(a=1, a=2)"), StartsWith("error: the argument \"a\" is here twice\n"));
    CHECK_THAT(parsed("f(1,)"), StartsWith("error: a value is missing\n --> a.json:1:7\n"));
    CHECK_THAT(parsed("f(1=2)"), StartsWith("error: \"1\" is no name of an argument\n"));
    CHECK_THAT(parsed("(1)"), StartsWith("error: expected a name\n"));
    CHECK_THAT(parsed("f('x)"), StartsWith("error: this quote is not closed\n"));
    CHECK_THAT(parsed("f([1)"), StartsWith("error: this bracket is not closed\n"));
    CHECK_THAT(parsed(""), StartsWith("error: expected a name\n"));
    std::string deep = "f";
    for (int i = 0; i < 100'000; ++i) deep += "(f";
    Problems problems;
    CHECK_FALSE(parse_expression(Value(deep), problems));
    CHECK(problems.kept()[0].message == "too many brackets within brackets");
}

TEST_CASE("an object is written as the expression it came from, where there is one") {
    for (const char* text : {"none", "lognormal(mean=4ms, cv=0.7)", "f(on=[a, 1.5], g=h(x=1))",
                             "f(file='x, y.csv', number='5')"}) {
        Problems problems;
        CHECK(written_expression(*parse_expression(Value(text), problems)) == text);
    }
    CHECK_FALSE(written_expression(Value::object({{"type", "f"}, {"x", Value::object()}})));
    CHECK_FALSE(written_expression(Value::object({{"x", 1}})));
}
