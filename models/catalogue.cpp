// The list of what exists: one line for each file of models/.

#include "models/catalogue.hpp"

namespace prodsim {

// clang-format off
Catalogue full_catalogue() {
    Catalogue catalogue;
    void add_clients(Catalogue&);  add_clients(catalogue);
    void add_service(Catalogue&);  add_service(catalogue);
    void add_balance(Catalogue&);  add_balance(catalogue);
    void add_timeout(Catalogue&);  add_timeout(catalogue);
    return catalogue;
}
// clang-format on

}  // namespace prodsim
