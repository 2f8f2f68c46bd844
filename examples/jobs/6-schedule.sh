#!/bin/sh
# A workflow that starts by the clock, and by what others send. Schedule and trigger are deleted again.
set -eu
cd "$(dirname "$0")"
. ./lib.sh

schedule='' trigger=''
clean_up() {
    for path in ${schedule:+"/schedules/$schedule"} ${trigger:+"/triggers/$trigger"}; do
        curl --silent --output /dev/null --request DELETE "$url$path" || :
    done
}
trap clean_up EXIT

say 'Save the workflow greeting.yaml'
save_workflow greeting greeting.yaml
first workflowId

say 'Start it every minute of office hours in Zurich'
post /schedules 201 <<'JSON'
{
    "workflowId": "greeting",
    "cron": "* 8-18 * * MON-FRI",
    "timezone": "Europe/Zurich",
    "input": {"body": {"name": "the clock"}},
    "catchUp": "one",
    "overlap": "skip"
}
JSON
schedule=$(first id)
echo "$answer"

say 'GET /schedules?workflowId=greeting'
get '/schedules?workflowId=greeting' 200
expect "\"id\":\"$schedule\""
echo "$answer"

say "POST /schedules/$schedule/run: now, whatever the clock says"
request POST "/schedules/$schedule/run" 202
job=$(first jobId)
follow "/jobs/$job/events"
get "/jobs/$job" 200
expect '"status":"completed"'
result

say "DELETE /schedules/$schedule"
request DELETE "/schedules/$schedule" 204
get "/schedules/$schedule" 404
schedule=''
echo 'gone'

say 'POST /triggers: a path that starts the workflow, told this once'
post /triggers 201 <<'JSON'
{"workflowId": "greeting"}
JSON
trigger=$(first id)
path=$(first path)
echo "$path"

say 'Somebody posts to it, and waits up to ten seconds for the result'
post "$path?wait=10&lang=fr" 200 <<'JSON'
{"name": "Zoë"}
JSON
expect '"status":"completed"'
echo "$answer"

say "DELETE /triggers/$trigger: the path leads nowhere now"
request DELETE "/triggers/$trigger" 204
trigger=''
post "$path" 404 </dev/null
echo "$answer"
