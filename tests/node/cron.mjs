// The first times of cron expressions by the npm package `cron-parser`, as the measure for this server's own:
//
//   node cron.mjs > ../../crates/taskserver-core/tests/data/cron-parser.jsonl
//
// Each line is {"expression", "zone", "after", "times"}: the times are in UTC. The expressions are of the dialect that the two
// have in common; the moments are ordinary ones, leap days, and days on which clocks change.

import { CronExpressionParser } from 'cron-parser'

const expressions = [
  '* * * * *', '*/5 * * * *', '7-59/13 * * * *', '0 * * * *', '*/30 * * * *', '15 2,14 * * *', '0 9-17 * * MON-FRI',
  '30 2 * * *', '0 0 * * *', '45 23 * * *', '0 0 1 * *', '0 0 31 * *', '0 12 29 2 *', '0 0 1,15 * WED', '0 6 * * 7', '0 6 * * 0',
  '0 6 * JAN,JUL SUN', '5 4 L * *', '0 8 * * 1#1', '0 8 * * 5#3', '0 8 * * 5L', '30 4 1-7 * *', '0 0 * 2 *', '10 */6 * * *',
  '*/15 * * * * *', '30 0 0 * * *', '0 30 12 * * *', '1-3 59 23 31 12 *', '@hourly', '@daily', '@weekly', '@monthly', '@yearly'
]
const ordinary = ['2026-01-01T00:00:00Z', '2026-02-27T13:37:00Z', '2028-02-28T23:59:59Z', '2026-12-31T23:59:00Z']
const places = {
  UTC: [],
  'Europe/Berlin': ['2026-03-28T23:30:00Z', '2026-10-24T22:30:00Z'],
  'America/New_York': ['2026-03-08T05:00:00Z', '2026-11-01T04:00:00Z'],
  'Australia/Lord_Howe': ['2026-10-03T13:00:00Z', '2026-04-04T13:00:00Z'],
  'America/Sao_Paulo': ['2018-11-04T01:00:00Z', '2018-02-17T23:00:00Z'],
  'Asia/Kathmandu': []
}

function firstTimes (cron) {
  const times = []
  try {
    while (times.length < 4) times.push(cron.next().toDate().toISOString().replace('.000Z', 'Z'))
  } catch (error) {
    // It gives up looking for a date that is many years away.
    if (!error.message.includes('loop limit exceeded')) throw error
  }
  return times
}

for (const [zone, changes] of Object.entries(places)) {
  for (const expression of expressions) {
    for (const after of [...ordinary, ...changes]) {
      const cron = CronExpressionParser.parse(expression, { currentDate: after, tz: zone })
      const times = firstTimes(cron)
      if (times.length > 0) console.log(JSON.stringify({ expression, zone, after, times }))
    }
  }
}
