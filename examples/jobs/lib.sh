# What the scripts share. BLOCKYARD_URL says where the server is.

url=${BLOCKYARD_URL:-http://localhost:8080}
url=${url%/}

# End with a line that says what went wrong.
fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

command -v curl >/dev/null 2>&1 || fail 'curl is missing'

# Say what comes next.
say() {
    printf '\n# %s\n' "$1"
}

# request METHOD PATH STATUS [ARGUMENT OF CURL …]: send a request. $status is the status of the answer and $answer its
# body; another status than STATUS, or than those of '201|409', ends the script.
request() {
    request_method=$1 request_path=$2 request_status=$3
    shift 3
    answer=$(
        curl --silent --show-error --request "$request_method" --write-out '\n%{http_code}' "$@" "$url$request_path"
    ) || fail "no answer from $url: start a server with \`blockyard serve\`, or set BLOCKYARD_URL"
    status=${answer##*
}
    answer=${answer%
*}
    case "|$request_status|" in
    *"|$status|"*) ;;
    *) fail "$request_method $request_path answered $status instead of $request_status: $answer" ;;
    esac
}

# get PATH STATUS
get() {
    request GET "$1" "$2"
}

# post PATH STATUS [ARGUMENT OF CURL …]: send the JSON that comes on the standard input.
post() {
    post_path=$1 post_status=$2
    shift 2
    request POST "$post_path" "$post_status" --header 'Content-Type: application/json' --data-binary @- "$@"
}

# save_workflow ID FILE: save it, or its next version if it is known.
save_workflow() {
    request POST /workflows '201|409' --header 'Content-Type: application/yaml' --data-binary "@$2"
    if [ "$status" = 409 ]; then
        request PUT "/workflows/$1" 200 --header 'Content-Type: application/yaml' --data-binary "@$2"
    fi
}

# first NAME: the first member of this name in $answer that is a text without escapes.
first() {
    first_found=$(printf '%s' "$answer" | tr -d '\n' | sed -n 's/"'"$1"'":"\([^"\\]*\)".*/\
\1/p' | sed -n '2p')
    [ -n "$first_found" ] || fail "there is no \`$1\` in $answer"
    printf '%s\n' "$first_found"
}

# result: what came of the completed job in $answer. No payload here has a member `result` after an object.
result() {
    result_found=$(printf '%s' "$answer" | tr -d '\n' | sed 's/},"result":/\
/' | sed -e 1d -e 's/,"error":null,"timeline":\[.*//')
    printf '%s\n' "$result_found"
}

# expect TEXT: $answer has to hold it.
expect() {
    case $answer in
    *"$1"*) ;;
    *) fail "$1 is not in $answer" ;;
    esac
}

# follow PATH: the events of a job or flow as they happen, one a line, until the last.
follow() {
    curl --silent --show-error --fail --no-buffer "$url$1" | sed -n \
        -e 's/^data: {.*"event":"\([^"]*\)"\(.*\)/\1\2/' \
        -e 's/,"nodeId":"\([^"]*\)"/: \1/' \
        -e 's/,"message":"\(.*\)","progress":\([0-9.]*\).*/: \1 (\2 %)/p'
}
