// Enqueues jobs that do nothing and works them off, with another queue than ours, at its best settings.
// Usage: node queue.mjs graphile-worker|pg-boss URL JOBS. Prints {"enqueue": seconds, "work": seconds} once every job is completed.
import pg from 'pg'

const [name, url, count] = [process.argv[2], process.argv[3], Number(process.argv[4])]
const CHUNK = 5000
const database = new pg.Client({ connectionString: url })
await database.connect()

/** The seconds that something takes. */
async function timed(work) {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

/** Waits until a count is zero: until every job is completed in the table. */
async function untilNone(query) {
  while ((await database.query(query)).rows[0].jobs !== '0') await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A promise that is kept when `done` was called for every job. */
function counter() {
  let finish
  let left = count
  const all = new Promise((resolve) => (finish = resolve))
  return { all, done: (jobs) => (left -= jobs) === 0 && finish() }
}

const queues = {
  // As its page on performance has it: a local queue, and completions in batches.
  'graphile-worker': async () => {
    const { run, makeWorkerUtils, Logger } = await import('graphile-worker')
    const logger = new Logger(() => () => {})
    const utils = await makeWorkerUtils({ connectionString: url, logger })
    await utils.migrate()
    const enqueue = await timed(async () => {
      for (let start = 0; start < count; start += CHUNK) {
        const length = Math.min(CHUNK, count - start)
        await utils.addJobs(Array.from({ length }, (_, index) => ({ identifier: 'noop', payload: { number: start + index } })))
      }
    })
    const { all, done } = counter()
    const work = await timed(async () => {
      const runner = await run({
        preset: {
          worker: {
            connectionString: url,
            concurrentJobs: 24,
            maxPoolSize: 25,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0
          }
        },
        logger,
        noHandleSignals: true,
        taskList: { noop: () => done(1) }
      })
      await all
      await untilNone('SELECT COUNT(*) AS jobs FROM graphile_worker._private_jobs')
      setImmediate(() => runner.stop())
    })
    await utils.release()
    return { enqueue, work }
  },
  // Batches, several at once, each as soon as the one before it is done.
  'pg-boss': async () => {
    const { PgBoss } = await import('pg-boss')
    const boss = new PgBoss({ connectionString: url, max: 10, supervise: false, schedule: false })
    await boss.start()
    await boss.createQueue('noop')
    const enqueue = await timed(async () => {
      for (let start = 0; start < count; start += CHUNK) {
        const length = Math.min(CHUNK, count - start)
        await boss.insert('noop', Array.from({ length }, (_, index) => ({ data: { number: start + index } })))
      }
    })
    const { all, done } = counter()
    const options = { batchSize: 500, localConcurrency: 4, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }
    const work = await timed(async () => {
      await boss.work('noop', options, async (jobs) => void done(jobs.length))
      await all
      await untilNone("SELECT COUNT(*) AS jobs FROM pgboss.job WHERE name = 'noop' AND state <> 'completed'")
    })
    return { enqueue, work }
  }
}

console.log(JSON.stringify(await queues[name]()))
process.exit(0)
