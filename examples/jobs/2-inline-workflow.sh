#!/bin/sh
# A workflow that nobody saved comes with the job. Sent twice with one idempotency key, it is one job.
set -eu
cd "$(dirname "$0")"
. ./lib.sh

key="inline-$(date +%s)-$$"

# submit MIN_SCORE STATUS
submit() {
    post /jobs "$2" --header "Idempotency-Key: $key" <<JSON
{
    "type": "WORKFLOW",
    "name": "Inline workflow",
    "payload": {
        "workflowDefinition": {
            "workflowId": "inline-check",
            "name": "Which addresses take mail",
            "variables": {"minScore": 50},
            "nodes": [
                {
                    "id": "worth-it",
                    "type": "core.filter",
                    "config": {
                        "conditions": [{"field": "score", "operator": "gte", "value": "{{ variables.minScore }}"}]
                    }
                },
                {
                    "id": "verified",
                    "name": "Ask whether mail arrives",
                    "type": "api.hunter",
                    "forEach": {"items": "{{ input }}", "concurrency": 4},
                    "config": {"operation": "emailVerifier"}
                }
            ],
            "edges": [{"source": "worth-it", "sourcePort": "kept", "target": "verified"}],
            "output": {"checked": "{{ nodes.verified|length }}", "answers": "{{ nodes.verified }}"}
        },
        "mode": "demo",
        "variables": {"minScore": $1},
        "metadata": {"campaign": "spring", "requestedBy": "2-inline-workflow.sh"},
        "input": [
            {"email": "ada@example.com", "score": 72},
            {"email": "bruno@example.com", "score": 12},
            {"email": "cleo@example.org", "score": 66}
        ]
    }
}
JSON
}

say "Start it with Idempotency-Key: $key"
submit 60 202
echo "$answer"
job=$(first jobId)

say 'Send the same again: it is the same job'
submit 60 202
echo "$answer"
[ "$(first jobId)" = "$job" ] || fail "a second job was made: $answer"

say 'Another request with that key is refused'
submit 99 422
echo "$answer"
expect '"code":"idempotency-key-reused"'

say "GET /jobs/$job/events"
follow "/jobs/$job/events"

say 'The result: two of three were worth it'
get "/jobs/$job" 200
expect '"variables":{"minScore":60},"metadata":{"campaign":"spring",'
expect '"status":"completed"'
expect '"checked":2'
result
