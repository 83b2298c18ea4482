// Agreement about the flatted format, with the npm package as the measure.
//
//   node flatted.mjs generate <count> <seed>
//
// writes lines {"text", "value"?}: a flatted text, and the value that it stands for; without `value`, that contains
// itself.
//
//   node flatted.mjs check
//
// reads lines {"text", "value"}, and fails where the package reads another value from the text, or writes the value
// otherwise (but for the form of numbers).

import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { parse, stringify } from 'flatted'

// mulberry32: the same values in every run.
function generator (seed) {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = n => Math.floor(next() * n)
  const pick = values => values[below(values.length)]
  return { next, below, pick }
}

const STRINGS = ['', '0', '1', 'analytics', 'created', 'é', '🎉', '\u2028', '\u0000', '"', '\\', '2026-11-24']
const KEYS = ['id', 'type', '', '0', '12', 'constructor', 'é"\\', 'createdAt']
const NUMBERS = [0, -0, 1, -1, 3.5, 1e21, -1e-9, 5e-324, Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 64]

function value (random, known, depth) {
  const { below, pick, next } = random
  const kind = depth === 0 ? 3 + below(6) : below(depth > 4 ? 5 : 9)
  if (kind === 0) return pick([null, true, false])
  if (kind === 1) return pick([pick(NUMBERS), below(1000), next() * 1e6])
  if (kind <= 3) return pick([pick(STRINGS), `s${below(20)}`])
  // Shared, or, since it may be of those that are not yet finished, a cycle.
  if (kind === 4) return known.length > 0 && below(3) === 0 ? pick(known) : below(10)
  const container = kind <= 6 ? [] : {}
  known.push(container)
  for (let size = below(5); size > 0; size--) {
    const element = value(random, known, depth + 1)
    if (Array.isArray(container)) container.push(element)
    else container[pick([pick(KEYS), `k${below(10)}`])] = element
  }
  return container
}

function tree (root) {
  try {
    return JSON.parse(JSON.stringify(root))
  } catch {
    return undefined // It contains itself.
  }
}

function generate (count, seed) {
  const random = generator(seed)
  for (let line = 0; line < count; line++) {
    const root = value(random, [], 0)
    console.log(JSON.stringify({ text: stringify(root), value: tree(root) }))
  }
}

async function check () {
  for await (const line of createInterface({ input: process.stdin })) {
    const { text, value } = JSON.parse(line)
    assert.deepEqual(parse(text), value, text)
    assert.equal(JSON.stringify(JSON.parse(text)), JSON.stringify(JSON.parse(stringify(value))))
  }
}

const [command, count, seed] = process.argv.slice(2)
if (command === 'generate') generate(Number(count), Number(seed))
else await check()
