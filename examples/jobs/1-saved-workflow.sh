#!/bin/sh
# A workflow out of the database runs as a job, and is watched while it does.
set -eu
cd "$(dirname "$0")"
. ./lib.sh

say 'Save the workflow ../lead-enrichment.yaml'
save_workflow lead-enrichment ../lead-enrichment.yaml
first workflowId

say 'Start it as a job, in mode demo and in a second, so that there is time to watch'
post /jobs 202 <<JSON
{
    "type": "WORKFLOW",
    "name": "Saved workflow",
    "payload": {"workflowId": "lead-enrichment", "mode": "demo", "input": $(cat ../prospects.json)},
    "delay": 1000
}
JSON
echo "$answer"
job=$(first jobId)

say "GET /jobs/$job/progress"
get "/jobs/$job/progress" 200
echo "$answer"

say "GET /jobs/$job/events, live"
follow "/jobs/$job/events"

say "GET /jobs/$job/progress, afterwards"
get "/jobs/$job/progress" 200
echo "$answer"
expect '"status":"completed","progress":100.0'

say "The result, from GET /jobs/$job"
get "/jobs/$job" 200
result
