#!/bin/sh
# Jobs of three types side by side, in mode demo. A fourth fails, and none of the others takes notice.
set -eu
cd "$(dirname "$0")"
. ./lib.sh

say 'Start a search, an upload and two workflows, of which one fails'
post /jobs 202 <<'JSON'
{
    "type": "SEARCH",
    "payload": {"source": "instagram", "urls": ["https://www.instagram.com/ada.example/"], "limit": 5, "mode": "demo"}
}
JSON
search=$(first jobId)
post /jobs 202 <<'JSON'
{
    "type": "WORKFLOW",
    "payload": {
        "workflowDefinition": {
            "nodes": [{"id": "ratio", "type": "core.transform", "config": {"expression": "input.won / input.all"}}]
        },
        "mode": "demo",
        "input": {"won": 3, "all": "none"}
    }
}
JSON
failing=$(first jobId)
post /jobs 202 <<'JSON'
{
    "type": "UPLOAD_TO_META",
    "payload": {
        "audienceId": "23850000000000001",
        "operation": "add",
        "people": [{"email": "ada@example.com", "phone": "+33 4 99 00 01 02"}],
        "mode": "demo"
    }
}
JSON
upload=$(first jobId)
post /jobs 202 <<'JSON'
{
    "type": "WORKFLOW",
    "payload": {
        "workflowDefinition": {
            "nodes": [
                {"id": "mood", "type": "ai.sentiment", "config": {}},
                {"id": "words", "type": "core.transform", "config": {"expression": "input|length"}}
            ]
        },
        "mode": "demo",
        "input": ["Best purchase of the year", "It broke on the second day"]
    }
}
JSON
workflow=$(first jobId)

# ends JOB STATUS: wait for its end, which is that of its events.
ends() {
    curl --silent --show-error --fail --output /dev/null "$url/jobs/$1/events" || fail "the events of job $1 broke off"
    get "/jobs/$1" 200
    expect "\"id\":\"$1\""
    expect "\"status\":\"$2\""
    printf '\n%s on queue %s: %s\n' "$(first type)" "$(first queue)" "$2"
}

say 'How each of them ended'
for job in "$search" "$upload" "$workflow"; do
    ends "$job" completed
    result
done
ends "$failing" failed
get "/jobs/$failing/progress" 200
echo "$answer"

say 'GET /jobs/stats'
get /jobs/stats 200
for type in SEARCH UPLOAD_TO_META WORKFLOW; do
    expect "\"$type\":{"
done
echo "$answer"
