-- Sends the signed calls of the file named by PONCTUEL_BENCH_CALLS, each once, over and over.
-- A line: id, timestamp, signature, body, separated by tabs.
local calls, next_call, first = {}, 0, 0
local thread_count = 0
function setup(thread)
  thread:set("number", thread_count)
  thread_count = thread_count + 1
end
function init(arguments)
  for line in io.lines(os.getenv("PONCTUEL_BENCH_CALLS")) do
    local id, time, signature, body = line:match("([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)")
    calls[#calls + 1] = wrk.format("POST", nil, {
      ["Content-Type"] = "application/cloudevents+json", ["webhook-id"] = id,
      ["webhook-timestamp"] = time, ["webhook-signature"] = signature }, body)
  end
  next_call = number * math.floor(#calls / 2)
end
function request()
  next_call = next_call % #calls + 1
  return calls[next_call]
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
