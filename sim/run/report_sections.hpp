#pragma once

// Sections of the page that have a file of their own. Those that are added add themselves where
// they have something to say.

#include "sim/run/report_page.hpp"

#include <string>
#include <vector>

namespace prodsim {

void add_precision_section(Page& page, const Precision& precision);

/// Where the seeds fall into two worlds: their shares, and the journeys and latencies of each.
void add_world_sections(Page& page, const Report& report);

/// Root causes of failed requests, and whether they point at the right ones.
void add_cause_sections(Page& page, const Attribution& attribution);

/// Of clients whose users do not wait for ever, and of those who stay for sessions.
void add_user_sections(Page& page, const RunSetReport& runs);

/// How many instances there were, where somebody changes that.
void add_replica_section(Page& page, const RunSetReport& runs);

/// Laws beside measurements.
void add_theory_section(Page& page, const std::vector<TheoryLine>& lines);

Section journey_section(const std::string& title, const std::vector<JourneyReport>& journeys);
Section latency_section(const std::string& title, const std::vector<JourneyReport>& journeys);

/// "1.2 ± 0.1 ms"; with ~ before it where it is told by too few.
std::string quantile_text(const QuantileReport& quantile);

/// What the ~ means.
Line legend_of_few();

}  // namespace prodsim
