// Calls the server at the first argument with the token of the second, as programs of the platform do.
// `analytics` has six records, with `count` from 0 to 5, `type` even or odd, and the ids c0 to c5.

import assert from 'node:assert/strict'
import errors from '@feathersjs/errors'
import { client, fails } from './client.mjs'

const [base, token] = process.argv.slice(2)
const app = client(base, `Bearer ${token}`)
const analytics = app.service('analytics')

// find

async function ids (query) {
  const page = await analytics.find({ query })
  return page.data.map(record => record.id)
}

const found = [
  [{}, 'c0 c1 c2 c3 c4 c5'],
  [{ type: 'odd' }, 'c1 c3 c5'],
  [{ count: 3 }, 'c3'],
  [{ count: { $ne: 3 } }, 'c0 c1 c2 c4 c5'],
  [{ count: { $gt: 1, $lte: 4 } }, 'c2 c3 c4'],
  [{ count: { $gte: 4 } }, 'c4 c5'],
  [{ count: { $lt: 1 } }, 'c0'],
  [{ count: { $in: [1, 5] } }, 'c1 c5'],
  [{ type: { $nin: ['odd'] } }, 'c0 c2 c4'],
  [{ $or: [{ count: 0 }, { count: { $gt: 4 } }] }, 'c0 c5'],
  [{ $and: [{ type: 'odd' }, { $or: [{ count: 1 }, { count: 2 }] }] }, 'c1'],
  [{ count: null }, ''],
  [{ ended: null, count: { $ne: null } }, 'c0 c1 c2 c3 c4 c5'],
  [{ ended: false }, ''],
  [{ createdAt: { $gt: new Date('2020-01-01') } }, 'c0 c1 c2 c3 c4 c5'],
  [{ createdAt: { $lt: new Date('2020-01-01') } }, ''],
  [{ $sort: { count: -1 }, $limit: 2, $skip: 1 }, 'c4 c3'],
  [{ $sort: { type: 1, count: -1 } }, 'c4 c2 c0 c5 c3 c1'],
  [{ $limit: 0 }, ''],
]
for (const [query, expected] of found) {
  assert.equal((await ids(query)).join(' '), expected, JSON.stringify(query))
}
const { data, ...page } = await analytics.find({ query: { $select: ['count'], $limit: 1 } })
assert.deepEqual(page, { total: 6, limit: 1, skip: 0 })
assert.deepEqual(data, [{ id: 'c0', count: 0 }])

// get, create

const location = app.service('location')
assert.equal((await location.get('a/b c')).count, 7)
const created = await analytics.create({ count: 8, type: 'even' })
assert.equal(created.count, 8)
assert.deepEqual(await ids({ count: 8 }), [created.id])

// update, patch, remove

assert.equal((await location.patch('a/b c', { count: 9 })).count, 9)
assert.equal((await location.update('a/b c', { type: 'odd' })).count, null)
assert.equal((await location.remove('a/b c')).type, 'odd')

// errors

const { BadRequest, Forbidden, MethodNotAllowed, NotAuthenticated, NotFound } = errors
const integer = '`count` must be an integer from -2147483648 to 2147483647'
await fails(analytics.find({ query: { $foo: 1 } }), BadRequest, 'Invalid query parameter $foo')
await fails(analytics.find({ query: { count: 'many' } }), BadRequest, integer)
await fails(analytics.create({ count: 'many' }), BadRequest, integer)
await fails(analytics.create([{ count: 1 }]), MethodNotAllowed, 'Can not create multiple entries')
await fails(analytics.get('c0'), MethodNotAllowed, 'Method `get` is not supported by this endpoint.')
await fails(location.get('gone'), NotFound, "No record found for id 'gone'")
await fails(location.remove(null), MethodNotAllowed, 'Can not remove multiple entries')
await fails(app.service('nope').find(), NotFound, 'Path /nope not found')
await fails(client(base).service('analytics').find(), NotAuthenticated, 'Not authenticated')
await fails(client(base, 'Bearer a.b.c').service('analytics').find(), NotAuthenticated, 'jwt malformed')
const guest = client(base, 'Bearer guest-key')
await fails(guest.service('analytics').find(), Forbidden, 'The scope `admin:admin` is missing')
