// Calls the built server at the first argument with the token of the second, as programs of the platform do. Its database holds
// the rows of `tests/data/platform/edges.sql`, and a guest with the key `guest-key`.

import assert from 'node:assert/strict'
import errors from '@feathersjs/errors'
import { client, fails } from './client.mjs'

const [base, token] = process.argv.slice(2)
const app = client(base, `Bearer ${token}`)
const [analytics, instances, locations, users] = ['analytics', 'instance', 'location', 'user'].map(path => app.service(path))

// find

const NEW = new Date('2026-03-10T00:00:00Z')
const found = [
  [{ name: 'Ada' }, ['Ada']],
  [{ name: 'ada' }, []],
  [{ name: '' }, ['']],
  [{ name: 'Jo \'the "quote"\'' }, ['Jo \'the "quote"\'']],
  [{ name: 'Кай 🚀' }, ['Кай 🚀']],
  [{ isGuest: false }, ['Ada']],
  [{ isDeactivated: null }, ['Di']],
  [{ isDeactivated: true }, ['Ed']],
  [{ isDeactivated: { $ne: null }, createdAt: { $gte: new Date('2026-03-09T00:00:00Z') } }, ['Ada', 'Bo', 'Cy', 'Ed']],
  [{ name: { $ne: 'Ada' }, createdAt: { $gte: NEW } }, ['Bo', 'Cy']],
  [{ name: { $gt: 'E', $lte: 'Gus' } }, ['Ed', 'Fay', 'Gus']],
  [{ name: { $gte: 'Hal', $lt: 'J' } }, ['Hal', 'Ivy']],
  [{ name: { $in: ['Cy', 'Bo', 'bo'] } }, ['Bo', 'Cy']],
  [{ name: { $nin: ['Cy', 'Bo'] }, createdAt: { $gte: NEW } }, ['Ada']],
  [{ createdAt: { $lt: new Date('2026-03-07T00:00:00Z') }, name: { $lt: 'I' } }, ['', 'Gus', 'Hal']],
  [{ $or: [{ name: 'Bo' }, { inviteCode: 'aaaa0001' }] }, ['Ada', 'Bo']],
  [{ $and: [{ isGuest: true }, { $or: [{ name: 'Ada' }, { name: 'Fay' }] }] }, ['Fay']],
  [{ $limit: 0 }, []]
]
for (const [query, expected] of found) {
  const page = await users.find({ query: { $sort: { name: 1 }, ...query } })
  assert.deepEqual(page.data.map(user => user.name), expected, JSON.stringify(query))
}
const sorted = await users.find({ query: { $sort: { isGuest: 1, createdAt: -1 }, $limit: 3, $skip: 1, $select: ['name'] } })
assert.deepEqual(sorted.data.map(({ id, ...user }) => user), [{ name: 'Cy' }, { name: 'Bo' }, { name: 'Di' }])
const { data, ...page } = await instances.find({ query: { $limit: 1000 } })
assert.deepEqual([page, data.length], [{ total: 129, limit: 100, skip: 0 }, 100])
const daily = await analytics.find({ query: { action: 'dailyUsers', $limit: 3 } })
assert.equal(daily.data.length, 3)

// get, create

const location = await locations.get('20000000-0000-4000-8000-000000000001')
assert.deepEqual([location.name, location.isLobby, location.maxUsersPerInstance], ['One', false, 50])
const created = await analytics.create({ count: -8, type: 'of a client' })
assert.deepEqual([created.count, created.type], [-8, 'of a client'])
for (const count of [-8, { $lt: -7 }, { $lte: -8 }, { $in: [-8] }]) {
  assert.deepEqual((await analytics.find({ query: { count } })).data, [created])
}
assert.equal((await analytics.find({ query: { count: { $gt: -8 }, type: 'of a client' } })).total, 0)

// errors

const { BadRequest, Forbidden, MethodNotAllowed, NotAuthenticated, NotFound } = errors
const integer = '`count` must be an integer from -2147483648 to 2147483647'
await fails(analytics.find({ query: { $foo: 1 } }), BadRequest, 'Invalid query parameter $foo')
await fails(analytics.find({ query: { count: 'many' } }), BadRequest, integer)
await fails(analytics.create({ count: 'many' }), BadRequest, integer)
await fails(analytics.create([{ count: 1 }]), MethodNotAllowed, 'Can not create multiple entries')
await fails(analytics.get(created.id), MethodNotAllowed, 'Method `get` is not supported by this endpoint.')
await fails(users.create({ name: 'Mallory' }), MethodNotAllowed, 'Method `create` is not supported by this endpoint.')
await fails(locations.get('gone'), NotFound, "No record found for id 'gone'")
await fails(locations.remove(null), MethodNotAllowed, 'Can not remove multiple entries')
await fails(app.service('nope').find(), NotFound, 'Path /nope not found')
await fails(client(base).service('analytics').find(), NotAuthenticated, 'Not authenticated')
await fails(client(base, 'Bearer a.b.c').service('analytics').find(), NotAuthenticated, 'jwt malformed')
await fails(client(base, 'Bearer guest-key').service('user').find(), Forbidden, 'The scope `admin:admin` is missing')
