"""Reading provenance for pages, REST and PCS's own views: requested against produced."""
