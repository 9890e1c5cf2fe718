#!/usr/bin/env bash
# Puts the index template and the dashboard in place; may run again at any time.
# Arguments: the addresses of Elasticsearch and of Kibana, with user and password if they ask.
set -euo pipefail
cd "$(dirname "$0")"

elasticsearch=${1:-http://elasticsearch:9200}
kibana=${2:-http://kibana:5601}

# What curl calls a failure it does not show, so the answers are read.
answer=$(curl --silent --show-error -X PUT "$elasticsearch/_index_template/logs-gateway" \
    -H 'Content-Type: application/json' --data-binary @index-template.json)
echo "$answer"
grep -q '"acknowledged":true' <<<"$answer"

answer=$(curl --silent --show-error -X POST "$kibana/api/saved_objects/_import?overwrite=true" \
    -H 'kbn-xsrf: true' --form file=@dashboard.ndjson)
echo "$answer"
grep -q '"success":true' <<<"$answer"
