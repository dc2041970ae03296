#pragma once

// How much work a statistical test does. What it claims of chance is proved by the builds that are
// optimised; to repeat that under the sanitizers, ten times as slowly, says nothing more of chance.
// There the same code runs on a part of the data, and claims that need all of it are left out.

namespace prodsim::testing {

#ifdef PRODSIM_FEW_TRIALS
inline constexpr bool few_trials = true;
#else
inline constexpr bool few_trials = false;
#endif

/// How often a test repeats what it does: `all` to prove its claim, `few` to run its code.
constexpr int trials(int all, int few) { return few_trials ? few : all; }

}  // namespace prodsim::testing
