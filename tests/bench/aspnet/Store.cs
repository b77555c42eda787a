namespace Bench;

// Where messages are: in memory, or in PostgreSQL.
public sealed class Store(PostgresStore? postgres)
{
    // The room has its row.
    public Task Ready(Room room)
    {
        if (postgres is null)
        {
            return Task.CompletedTask;
        }
        lock (room.Gate)
        {
            return room.Stored ??= postgres.AddRoom(Guid.Parse(room.Id));
        }
    }

    public async Task<Message> Post(Room room, string sender, string content)
    {
        return postgres is null ? room.Post(sender, content) : await postgres.Post(room, sender, content);
    }

    public async Task<IReadOnlyList<Message>> History(Room room, long before, int limit)
    {
        return postgres is null ? room.History(before, limit) : await postgres.History(room, before, limit);
    }
}
