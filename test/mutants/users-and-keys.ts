import { type Mutant, SIMULATOR, testFile } from './mutant.ts'

const MODEL = testFile('test/state/access-against-model.test.ts')
const ACCESS = testFile('test/state/access.test.ts')

/** Who may come in, as replicated state. */
export const USERS_AND_KEYS: readonly Mutant[] = [
  {
    name: 'a key that is revoked is back after a restart',
    source: 'docs/security.md, API keys',
    file: 'src/state/access-rows.ts',
    find: `    this.#rows.put(apiKeyKey(id), key && encodeKey(key))
`,
    replace: `    if (key !== null) this.#rows.put(apiKeyKey(id), encodeKey(key))
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a key that is revoked stays in memory until a restart',
    source: 'docs/security.md, API keys',
    file: 'src/state/access-rows.ts',
    find: `    if (key === null) this.keys.delete(id)
    else this.keys.set(id, key)`,
    replace: `    if (key !== null) this.keys.set(id, key)`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a restart knows only of keys that expire',
    source: 'promise 2',
    file: 'src/state/access-rows.ts',
    find: `      table.setKey(key.id, key)
`,
    replace: `      if (key.expiresAt !== null) table.setKey(key.id, key)
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'after a restart keys never expire',
    source: 'docs/security.md, API keys',
    file: 'src/state/access-codec.ts',
    find: `    createdAt,
    expiresAt,
    changedIndex,
  }`,
    replace: `    createdAt,
    expiresAt: null,
    changedIndex,
  }`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'after a restart a key is for everything',
    source: 'docs/security.md, scopes',
    file: 'src/state/access-codec.ts',
    find: `scope: scope && { networks: scope[0], tags: scope[1] },`,
    replace: `scope: scope && scope[1].length > 0 ? { networks: scope[0], tags: scope[1] } : null,`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a restart does not count the admins',
    source: 'docs/security.md, users',
    file: 'src/state/access-rows.ts',
    find: `      table.setUser(user.name, user)
`,
    replace: `      table.users.set(user.name, user)
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a change of a user is on record only where something is another now',
    source: 'promise 6',
    file: 'src/ipam/apply-access.ts',
    find: `  audit(applying, { action: 'user_updated', resource: userResource(name), details, ...records })
`,
    replace: `  if (changes.length > 0) audit(applying, { action: 'user_updated', resource: userResource(name), details, ...records })
`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a second first admin is let in',
    source: 'docs/security.md, the first admin',
    file: 'src/ipam/apply-access.ts',
    find: `  if (isFirst && access.hasAdmin) {`,
    replace: `  if (isFirst && access.hasAdmin && access.userCount > 2) {`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the last admin may step back',
    source: 'docs/security.md, users',
    file: 'src/ipam/apply-access.ts',
    find: `  if (after.role !== 'admin' && isLastAdmin(applying, before)) return refuseLastAdmin(before)
`,
    replace: ``,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a user is made anew under a name that is taken',
    source: 'docs/security.md, users',
    file: 'src/ipam/apply-access.ts',
    find: `  if (access.user(name) !== null) {`,
    replace: `  if (access.user(name)?.role === role) {`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'a key is revoked whatever the ETag',
    source: 'RFC 9110 §13.1.1',
    file: 'src/ipam/apply-access.ts',
    find: `  const changed = refuseChanged(key, ifChangedIndex)
  if (changed !== null) return changed
`,
    replace: `  refuseChanged(key, ifChangedIndex)
`,
    caughtBy: MODEL,
  },
  {
    name: 'a user is deleted whatever the ETag',
    source: 'RFC 9110 §13.1.1',
    file: 'src/ipam/apply-access.ts',
    find: `  const changed = refuseChanged({ id: name, changedIndex: user.changedIndex }, ifChangedIndex)
  if (changed !== null) return changed
`,
    replace: `  refuseChanged({ id: name, changedIndex: user.changedIndex }, ifChangedIndex)
`,
    caughtBy: MODEL,
  },
  {
    name: 'a key may be for a network that is not there',
    source: 'docs/security.md, scopes',
    file: 'src/ipam/apply-access.ts',
    find: `networks.findIndex((id) => store.network(id) === null)`,
    replace: `networks.findIndex((id, i) => i > 0 && store.network(id) === null)`,
    caughtBy: MODEL,
  },
  {
    name: 'there is one user more than fit',
    source: 'docs/security.md, what is kept',
    file: 'src/ipam/apply-access.ts',
    find: `access.userCount >= USERS_MAX`,
    replace: `access.userCount > USERS_MAX`,
    caughtBy: MODEL,
  },
  {
    name: 'there is one key more than fit',
    source: 'docs/security.md, what is kept',
    file: 'src/ipam/apply-access.ts',
    find: `store.access.keyCount >= API_KEYS_MAX`,
    replace: `store.access.keyCount > API_KEYS_MAX`,
    caughtBy: MODEL,
  },
  {
    name: 'keys are forgotten as soon as they expire',
    source: 'docs/security.md, API keys',
    file: 'src/ipam/apply-access.ts',
    find: `const before = applying.at.time - EXPIRED_KEPT_MS`,
    replace: `const before = applying.at.time`,
    caughtBy: MODEL,
  },
  {
    name: 'old keys are forgotten in the order of the memory, which a restart changes',
    source: 'src/state/README.md (running hash)',
    file: 'src/ipam/apply-access.ts',
    find: `    .filter(({ expiresAt }) => expiresAt !== null && expiresAt < before)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
`,
    replace: `    .filter(({ expiresAt }) => expiresAt !== null && expiresAt < before)
`,
    caughtBy: MODEL,
  },
  {
    name: 'all old keys are forgotten at once',
    source: 'docs/security.md, what is kept',
    file: 'src/ipam/apply-access.ts',
    find: `old.slice(0, FORGOTTEN_PER_KEY_MAX)`,
    replace: `old`,
    caughtBy: MODEL,
  },
  {
    name: 'the audit row of a key has its hash',
    source: 'docs/security.md, what is kept',
    file: 'src/ipam/apply-access.ts',
    find: `const until = expiresAt === null ? '' :`,
    replace: `const until = expiresAt === null ? secretHash :`,
    caughtBy: MODEL,
  },
  {
    name: 'the audit row of a user says that the system did it',
    source: 'promise 6',
    file: 'src/ipam/apply-access.ts',
    find: `const isOurs = change.action === 'login_failed'`,
    replace: `const isOurs = change.action === 'login_failed' || change.action === 'user_deleted'`,
    caughtBy: MODEL,
  },
  {
    name: 'passwords are hashed on the event loop',
    source: 'src/auth/password.ts',
    file: 'src/auth/password.ts',
    find: `import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'`,
    replace: `import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
const scrypt = (password, salt, size, options, done) => done(null, scryptSync(password, salt, size, options))`,
    caughtBy: testFile('test/auth/primitives.test.ts'),
  },
  {
    name: 'the audit row of a new user does not say what was made',
    source: 'docs/guide.md (audit)',
    file: 'src/ipam/apply-access.ts',
    find: `    after: recordOfUser(user),
`,
    replace: ``,
    caughtBy: ACCESS,
  },
  {
    name: 'the audit row of a changed user has what it became as what it was',
    source: 'docs/guide.md (audit)',
    file: 'src/ipam/apply-access.ts',
    find: `{ before: recordOfUser(before), after: recordOfUser(after) }`,
    replace: `{ before: recordOfUser(after), after: recordOfUser(after) }`,
    caughtBy: SIMULATOR,
  },
  {
    name: 'the audit row of a key for tags alone says that it is for everything',
    source: 'docs/security.md, scopes',
    file: 'src/state/tagged-codec.ts',
    find: `= scope && [scope.networks, scope.tags]`,
    replace: `= scope !== null && scope.networks.length > 0 ? [scope.networks, scope.tags] : null`,
    caughtBy: ACCESS,
  },
  {
    name: 'users in audit rows have a field more, in the same format',
    source: 'src/state/row-codec.ts (a change is a new FORMAT)',
    file: 'src/state/tagged-codec.ts',
    find: `createdAt, updatedAt, changedIndex] }`,
    replace: `createdAt, updatedAt, changedIndex, null] }`,
    caughtBy: testFile('test/state/tagged-codec.test.ts'),
  },
  {
    name: 'failed log-ins that were not counted apart are those of somebody unknown',
    source: 'promise 6',
    file: 'src/ipam/apply-access.ts',
    find: `  if (address === null) return \`\${times} as others, or from other addresses\`
`,
    replace: ``,
    caughtBy: ACCESS,
  },
]
