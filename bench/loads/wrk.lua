-- Sends the requests of a file over and over, each line a path, a token and a body. They are formatted once, so that a
-- request costs this script no more than a look into a table.
local requests = {}
made = 0

function setup(thread)
  the_thread = thread
end

function init(args)
  for line in io.lines(args[1]) do
    local path, token, body = line:match("^([^\t]*)\t([^\t]*)\t(.*)$")
    requests[#requests + 1] = wrk.format("POST", path, {
      ["Host"] = wrk.headers["Host"],
      ["Authorization"] = "Bearer " .. token,
      ["Content-Type"] = "application/json",
    }, body)
  end
end

function request()
  local text = requests[made % #requests + 1]
  made = made + 1
  return text
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"durationUs":%d,"answers":%d,"badAnswers":%d,"made":%d,"socketErrors":%d,"timeouts":%d,"p50Us":%d,"p99Us":%d}\n',
    summary.duration, summary.requests, errors.status, the_thread:get("made"),
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
