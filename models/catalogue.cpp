// The list of what exists: one line for each component and policy.

#include "models/catalogue.hpp"

namespace prodsim {

// clang-format off
Catalogue full_catalogue() {
    Catalogue catalogue;
    void add_clients(Catalogue&);         add_clients(catalogue);
    void add_load_balancer(Catalogue&);   add_load_balancer(catalogue);
    void add_gateway(Catalogue&);         add_gateway(catalogue);
    void add_dns(Catalogue&);             add_dns(catalogue);
    void add_cdn(Catalogue&);             add_cdn(catalogue);
    void add_firewall(Catalogue&);        add_firewall(catalogue);
    void add_service(Catalogue&);         add_service(catalogue);
    void add_schedule(Catalogue&);        add_schedule(catalogue);
    void add_third_party(Catalogue&);     add_third_party(catalogue);
    void add_sql_database(Catalogue&);    add_sql_database(catalogue);
    void add_cache(Catalogue&);           add_cache(catalogue);
    void add_alert(Catalogue&);           add_alert(catalogue);
    void add_autoscaler(Catalogue&);      add_autoscaler(catalogue);
    void add_rollout(Catalogue&);         add_rollout(catalogue);
    void add_health_checks(Catalogue&);   add_health_checks(catalogue);
    void add_broker(Catalogue&);          add_broker(catalogue);
    void add_document_store(Catalogue&);  add_document_store(catalogue);
    void add_object_store(Catalogue&);    add_object_store(catalogue);
    void add_tokens(Catalogue&);          add_tokens(catalogue);
    void add_balance(Catalogue&);         add_balance(catalogue);
    void add_bulkhead(Catalogue&);        add_bulkhead(catalogue);
    void add_circuit_breaker(Catalogue&); add_circuit_breaker(catalogue);
    void add_connect(Catalogue&);         add_connect(catalogue);
    void add_deadline(Catalogue&);        add_deadline(catalogue);
    void add_fallback(Catalogue&);        add_fallback(catalogue);
    void add_hedge(Catalogue&);           add_hedge(catalogue);
    void add_pool(Catalogue&);            add_pool(catalogue);
    void add_rate_limit(Catalogue&);      add_rate_limit(catalogue);
    void add_retry(Catalogue&);           add_retry(catalogue);
    void add_throttle(Catalogue&);        add_throttle(catalogue);
    void add_timeout(Catalogue&);         add_timeout(catalogue);
    catalogue.presets = preset_texts();
    return catalogue;
}
// clang-format on

}  // namespace prodsim
