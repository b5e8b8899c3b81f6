-- Sends the requests of a file over and over, each line a path, a token and a body. They are formatted once, so that a
-- request costs this script no more than a look into a table.
local requests = {}
made = 0

-- Seconds of processor time so far, of all threads: fields 14 and 15 of proc(5), counted from behind the name.
local function cpu_seconds()
  local fields = {}
  for field in io.open("/proc/self/stat"):read("*a"):match("%) (.*)"):gmatch("%S+") do fields[#fields + 1] = field end
  return (fields[12] + fields[13]) / 100
end

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
  cpu_before = cpu_seconds()
end

function request()
  local text = requests[made % #requests + 1]
  made = made + 1
  return text
end

function done(summary, latency, _)
  local errors = summary.errors
  local seconds = summary.duration / 1e6
  local answered = summary.requests - errors.status
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('RESULT {"answered":%d,"refused":%d,"unanswered":%d,"made":%d,"figures":{',
    answered, errors.status, unanswered, the_thread:get("made")))
  io.write(string.format('"requests a second":%f,"p50, closed loop":%f,"p99, closed loop":%f,"load generator":%f}}\n',
    answered / seconds, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    (cpu_seconds() - the_thread:get("cpu_before")) / seconds))
end
