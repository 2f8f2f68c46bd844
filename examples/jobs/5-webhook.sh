#!/bin/sh
# A job tells a receiver of its progress and its end, instead of being asked. WEBHOOK_URL is the receiver: an https URL
# in the internet, or one that the server was told to send elsewhere:
#
#     blockyard serve --http-rewrite https://hooks.example=http://127.0.0.1:9000
#     WEBHOOK_URL=https://hooks.example/jobs examples/jobs/5-webhook.sh
set -eu
cd "$(dirname "$0")"
. ./lib.sh

[ -n "${WEBHOOK_URL:-}" ] || fail 'WEBHOOK_URL is not set: give it the https URL of a receiver'

say "Start a job that reports to $WEBHOOK_URL"
post /jobs 202 <<JSON
{
    "type": "WORKFLOW",
    "payload": {
        "workflowDefinition": {
            "nodes": [
                {"id": "found", "type": "api.apollo", "config": {"operation": "matchPerson"}},
                {"id": "name", "type": "core.transform", "config": {"expression": "input.person.name"}}
            ],
            "edges": [{"source": "found", "target": "name"}]
        },
        "mode": "demo",
        "input": {"email": "ada@example.com"}
    },
    "webhook": {"url": "$WEBHOOK_URL", "events": ["job:progress", "job:completed", "job:failed"]}
}
JSON
job=$(first jobId)
secret=$(first webhookSecret)
echo "job $job"
echo "secret $secret (shown this once: a receiver verifies with it)"

say 'And one that fails, with the same secret'
post /jobs 202 <<JSON
{
    "type": "BLOCK",
    "payload": {"block": "core.transform", "config": {"expression": "input.amount / 0"}, "input": {"amount": 1}},
    "webhook": {
        "url": "$WEBHOOK_URL", "secret": "$secret", "events": ["job:progress", "job:completed", "job:failed"]
    }
}
JSON
failing=$(first jobId)
echo "job $failing"

# delivered JOB EVENT: wait until all that its webhook has to say has arrived, and EVENT with it.
delivered() {
    get "/jobs/$1/webhook" 200
    delivered_webhook=$(first id)
    delivered_tries=30
    while get "/webhooks/$delivered_webhook/deliveries" 200; do
        case $answer in
        *'"status":"exhausted"'* | *'"status":"gone"'*) fail "$WEBHOOK_URL does not take what is sent: $answer" ;;
        *'"status":"pending"'*) ;;
        *"\"event\":\"$2\""*) break ;;
        esac
        delivered_tries=$((delivered_tries - 1))
        [ "$delivered_tries" -gt 0 ] || fail "$WEBHOOK_URL has not taken what was sent: $answer"
        sleep 1
    done
    printf '%s\n' "$answer" | tr '{' '\n' |
        sed -n 's/.*"event":"\([^"]*\)".*"status":"\([^"]*\)","attempts":\([0-9]*\).*/\1: \2 at attempt \3/p'
}

say "What was sent of job $job, the newest first"
delivered "$job" job:completed
say "What was sent of job $failing"
delivered "$failing" job:failed

say 'What a receiver has to check (https://www.standardwebhooks.com; there are libraries for it)'
cat <<'TEXT'
- webhook-signature: "v1," and the base64 of the HMAC-SHA256 of "{webhook-id}.{webhook-timestamp}.{body}", with what
  comes after "whsec_" in the secret, decoded from base64, as its key. It is over the bytes of the body as they came,
  and is compared in constant time. There may be several, separated by spaces: one has to fit.
- webhook-timestamp: seconds of Unix time. What is older than five minutes is refused.
- webhook-id: what came before under the same id is answered and dropped. A delivery may come more than once.
- data.position in the body: deliveries may overtake each other, and this says what happened after what.
- The answer: a status of 200 to 299 within seconds. Others, except 410, have it sent again later; 410 ends it.
TEXT
