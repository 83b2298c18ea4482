// The platform's own client of REST services.

import assert from 'node:assert/strict'
import { feathers } from '@feathersjs/feathers'
import rest from '@feathersjs/rest-client'

// An app whose services are those of the server at `base`.
export function client (base, authorization) {
  const headers = authorization ? { Authorization: authorization } : {}
  return feathers().configure(rest.default(base).fetch(fetch, { headers }))
}

// Checks that a call fails with an error of this class.
export async function fails (call, ErrorClass, message) {
  await assert.rejects(call, error => {
    assert.ok(error instanceof ErrorClass, `${error.name} in place of ${ErrorClass.name}: ${error.message}`)
    assert.equal(error.message, message)
    assert.equal(error.code, new ErrorClass().code)
    return true
  })
}
