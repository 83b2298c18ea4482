// A process of the platform: a Feathers app that shares its events through Redis.
//
//   node peer.mjs <redis URL>
//
// Its services are `analytics` and `user`. It writes a line {"ready": true} when it is subscribed, then a line for
// every event that it receives. Each line that it reads is a call {"path", "method", "args"}, whose events reach the
// others. It ends with its input.

import { createInterface } from 'node:readline'
import { feathers } from '@feathersjs/feathers'
import sync from 'feathers-sync'
import { parse, stringify } from 'flatted'

const tell = message => console.log(JSON.stringify(message))

const record = {
  async create (data) { return data },
  async update (id, data) { return { ...data, id } },
  async patch (id, data) { return { ...data, id } },
  async remove (id) { return { id } }
}

const app = feathers()
app.configure(sync({ uri: process.argv[2], serialize: stringify, deserialize: parse }))
for (const path of ['analytics', 'user']) {
  app.use(path, { ...record })
  for (const event of ['created', 'updated', 'patched', 'removed']) {
    app.service(path).on(event, (data, context) => {
      const { method, id, params, result } = context
      tell({ path: context.path, event, data, context: { method, id, params, result } })
    })
  }
}
await app.sync.ready
tell({ ready: true })

for await (const line of createInterface({ input: process.stdin })) {
  const { path, method, args } = JSON.parse(line)
  await app.service(path)[method](...args)
}
process.exit()
