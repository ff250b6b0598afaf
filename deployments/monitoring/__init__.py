"""What a site's Prometheus and Grafana take: scrape, alert rules, dashboard."""
