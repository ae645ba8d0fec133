error: /tmp/att1/st/rec2/journals/2026-11-28/gateway%3Ademo-2-1795866532446%3A1795866532449.0.jsonl:1: a journal begins with a header
what could not be read is left out
