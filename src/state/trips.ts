/** Reads many rows of a database that nobody changes meanwhile. */
import type { KeyRange } from './key-encoding.ts'
import type { StateDatabase } from './storage.ts'
import type { StoredRow } from './view.ts'

const TRIP_ROWS = 5000
const TRIP_BYTES = 1024 * 1024

/** The rows of a range, as many at once as one trip to the database brings. */
export async function* tripsThrough(
  database: StateDatabase,
  { gte, lt }: KeyRange,
): AsyncGenerator<StoredRow[]> {
  const options = { gte, lt, highWaterMarkBytes: TRIP_BYTES }
  const iterator = database.iterator(options)
  try {
    for (;;) {
      const rows = await iterator.nextv(TRIP_ROWS)
      if (rows.length === 0) return
      yield rows
    }
  } finally {
    await iterator.close()
  }
}
