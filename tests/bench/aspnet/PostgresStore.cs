using Npgsql;
using NpgsqlTypes;

namespace Bench;

// Messages in PostgreSQL, as one would write it with Npgsql: a transaction for each send, which raises the room's number
// and inserts the row. Connections are pooled, statements prepared by the pool.
public sealed class PostgresStore : IAsyncDisposable
{
    private const string Raise = "UPDATE rooms SET last_seq = last_seq + 1, last_activity_at = now() WHERE id = $1 RETURNING last_seq";
    private const string Insert =
        "INSERT INTO messages (room_id, seq, id, sender_id, sent_at, content) VALUES ($1, $2, $3, $4, $5, $6)";
    private const string Page =
        "SELECT id, seq, sender_id, sent_at, content FROM messages WHERE room_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";

    private readonly NpgsqlDataSource source;

    private PostgresStore(NpgsqlDataSource source) => this.source = source;

    public static async Task<PostgresStore> Open(string connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString) { MaxAutoPrepare = 20, AutoPrepareMinUsages = 2, MaxPoolSize = 20 };
        var store = new PostgresStore(NpgsqlDataSource.Create(builder));
        await using var create = store.source.CreateCommand(
            """
            CREATE TABLE IF NOT EXISTS rooms (id uuid PRIMARY KEY, last_seq bigint NOT NULL DEFAULT 0,
                last_activity_at timestamptz NOT NULL DEFAULT now()) WITH (fillfactor = 50);
            CREATE TABLE IF NOT EXISTS messages (room_id uuid NOT NULL, seq bigint NOT NULL, id uuid NOT NULL,
                sender_id text NOT NULL, sent_at timestamptz NOT NULL, content text NOT NULL, PRIMARY KEY (room_id, seq));
            """);
        await create.ExecuteNonQueryAsync();
        return store;
    }

    public async Task AddRoom(Guid id)
    {
        await using var command = source.CreateCommand("INSERT INTO rooms (id) VALUES ($1)");
        command.Parameters.Add(new() { Value = id });
        await command.ExecuteNonQueryAsync();
    }

    public async Task<Message> Post(Room room, string sender, string content)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        long seq;
        await using (var raise = new NpgsqlCommand(Raise, connection, transaction))
        {
            raise.Parameters.Add(new() { Value = Guid.Parse(room.Id) });
            seq = (long)(await raise.ExecuteScalarAsync())!;
        }
        var message = new Message(Guid.CreateVersion7(), room.Id, seq, sender, "Text", null, "Sent", null, Clock.Now, content);
        await using (var insert = new NpgsqlCommand(Insert, connection, transaction))
        {
            insert.Parameters.Add(new() { Value = Guid.Parse(room.Id) });
            insert.Parameters.Add(new() { Value = seq });
            insert.Parameters.Add(new() { Value = message.Id });
            insert.Parameters.Add(new() { Value = sender });
            insert.Parameters.Add(new() { Value = message.SentAt, NpgsqlDbType = NpgsqlDbType.TimestampTz });
            insert.Parameters.Add(new() { Value = content });
            await insert.ExecuteNonQueryAsync();
        }
        await transaction.CommitAsync();
        return message;
    }

    public async Task<List<Message>> History(Room room, long before, int limit)
    {
        await using var command = source.CreateCommand(Page);
        command.Parameters.Add(new() { Value = Guid.Parse(room.Id) });
        command.Parameters.Add(new() { Value = before });
        command.Parameters.Add(new() { Value = (long)limit });
        await using var reader = await command.ExecuteReaderAsync();
        var page = new List<Message>();
        while (await reader.ReadAsync())
        {
            page.Add(new Message(reader.GetGuid(0), room.Id, reader.GetInt64(1), reader.GetString(2), "Text", null, "Sent", null,
                reader.GetDateTime(3), reader.GetString(4)));
        }
        page.Reverse();
        return page;
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();
}
