#include "sim/world/catalogue.hpp"

#include "sim/world/step.hpp"

namespace prodsim {

Catalogue::Catalogue() {
    families.declare(std::string(ComponentFamily::name), "A box of the architecture.");
    families.declare(std::string(PolicyFamily::name),
                     "What a caller does around its calls, outermost first.");
    add_steps(families.declare(std::string(StepFamily::name),
                               "One step of an operation or a journey.", Tag::key));
}

}  // namespace prodsim
