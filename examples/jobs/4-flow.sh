#!/bin/sh
# A flow: a parent job runs when its children have ended, and receives what came of them.
set -eu
cd "$(dirname "$0")"
. ./lib.sh

say 'Start a report that waits for three regions: one fails, and one waits for a town'
post /flows 202 <<'JSON'
{
    "name": "Weekly report",
    "type": "WORKFLOW",
    "data": {
        "workflowDefinition": {
            "name": "Sums up what the regions sold",
            "nodes": [{
                "id": "report",
                "type": "core.transform",
                "config": {
                    "mapping": {
                        "week": "item.week",
                        "sold": "item.childrenValues.values()|map(attribute='sold')|sum",
                        "regions": "item.childrenValues.values()|map(attribute='region')|sort",
                        "missing": "item.childrenFailures|length"
                    }
                }
            }]
        },
        "input": {"week": 47}
    },
    "children": [
        {
            "name": "North",
            "type": "BLOCK",
            "data": {
                "block": "core.transform",
                "config": {"expression": "{'region': input.region, 'sold': input.orders|sum}"},
                "input": {"region": "north", "orders": [12, 30]}
            }
        },
        {
            "name": "South",
            "type": "WORKFLOW",
            "delay": 300,
            "data": {
                "workflowDefinition": {
                    "nodes": [{
                        "id": "south",
                        "type": "core.transform",
                        "config": {
                            "mapping": {
                                "region": "'south'",
                                "sold": "item.childrenValues.values()|map(attribute='sold')|sum"
                            }
                        }
                    }]
                }
            },
            "children": [{
                "name": "A town in the south",
                "type": "BLOCK",
                "delay": 600,
                "data": {"block": "core.transform", "config": {"expression": "{'sold': 8}"}}
            }]
        },
        {
            "name": "East",
            "type": "BLOCK",
            "delay": 900,
            "failParentOnFailure": false,
            "data": {"block": "core.transform", "config": {"expression": "input.orders|sum"}, "input": {}}
        }
    ]
}
JSON
flow=$(first flowId)
parent=$(first jobId)
echo "$answer"

say "GET /flows/$flow/events, live"
follow "/flows/$flow/events"

say "GET /flows/$flow"
get "/flows/$flow" 200
echo "$answer"
expect '"status":"completed","progress":100.0,"total":5,"completed":4,"failed":1'

say "What the report received, from GET /jobs/$parent"
get "/jobs/$parent" 200
received=$(printf '%s' "$answer" | tr -d '\n' | sed -n 's/.*,"input":\({.*}\),"mode":"production",.*/\1/p')
echo "$received"
case $received in
*'"childrenValues":{"'*'"childrenFailures":{"'*) ;;
*) fail "the children are not in what the report received: $received" ;;
esac

say 'What it made of that'
result
