#!/usr/bin/env bash
# More calls than there is room for, and a soak: a service with room for LIMIT calls, over real gRPC
# and HTTP. At 130 % of what it takes it takes no less, at 1,000 % it stays up and is itself again
# within 10 s; at 70 % for SOAK seconds its memory and its descriptors stay what they are.
#
#   cargo build --release && tests/overload.sh        # LIMIT=500 STEP=60 SOAK=600
set -euo pipefail
cd "$(dirname "$0")/.."

dana=${DANA:-target/release/dana}
limit=${LIMIT:-500} step=${STEP:-60} soak=${SOAK:-600}
state=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; wait; rm -rf "$state"' EXIT

# Waits for a line of a log; gives the address behind its words.
address() { # FILE WORDS
    until sed -n "s|.*$2\([^, ]*\).*|\1|p" "$1" 2> /dev/null | grep .; do sleep 0.1; done
}

"$dana" mock --listen 127.0.0.1:0 > "$state/mock.out" 2> "$state/mock" &
root=$(address "$state/mock" "the back ends are at ")
env DANA_GATEWAY_LISTEN=127.0.0.1:0 DANA_GATEWAY_PLAINTEXT=true DANA_STATUS_LISTEN=127.0.0.1:0 \
    DANA_GATEWAY_CALL_LIMIT="$limit" DANA_SERVICE_STATE="$state/dana" DANA_NETWORK_ROOT="$root" \
    "$dana" serve 2> "$state/serve" &
service=$!
url=http://$(address "$state/serve" "dana serves gateways at ")

# Makes calls; the figures go to FILE. Calls that are refused make it end with 1, as they may here.
load() { # FILE OPTIONS…
    "$dana" load "$url" --pid "$service" --format json "${@:2}" > "$state/$1" 2> "$state/$1.log" || [ $? = 1 ]
    kill -0 "$service"
}
figure() { sed -n "s/.*\"$2\":\([0-9]*\(\.[0-9]\)\?\).*/\1/p" "$state/$1"; }
times() { awk "BEGIN { print $1 * $2 }"; }
failed=0
holds() { # WHAT LEFT AT_LEAST RIGHT
    if awk "BEGIN { exit !($2 >= $3) }"; then word=ok; else word=NOT failed=1; fi
    echo "$word  $1"
}

load room --at-once "$limit" --warm-up 30 --for "$step"
room=$(figure room calls_per_second)
echo "    room for $limit calls at once takes $room calls a second, p99 $(figure room p99_us) µs"

load more --rate "$(times "$room" 1.3)" --warm-up 30 --for "$step"
carried=$(figure more calls_per_second)
holds "130 %: $carried calls a second, p99 $(figure more p99_us) µs" "$carried" "$(times "$room" 0.9)"

load flood --rate "$(times "$room" 10)" --warm-up 10 --for "$step"
carried=$(figure flood calls_per_second)
holds "1,000 %: $carried calls a second, p99 $(figure flood p99_us) µs" "$carried" "$(times "$room" 0.9)"
sleep 5
few=$(times "$limit" 0.1)
load after --at-once "$few" --calls "$few" --for 120
holds "5 s later: $(figure after calls) of $few calls, p99 $(figure after p99_us) µs" \
    "$(figure after calls)" "$few"

load soak --rate "$(times "$room" 0.7)" --warm-up 60 --for "$soak"
for what in memory descriptors; do
    begun=$(figure soak "service_${what}_begun") ended=$(figure soak "service_$what")
    # Flat: a tenth more at most, for calls come by chance.
    holds "70 % for $soak s: $what $begun, then $ended" "$(times "$begun" 1.1)" "$ended"
done
exit $failed
