using System.Collections.Concurrent;

namespace Bench;

// The members are those of chatd's message, so that frames are equally long.
public sealed record Message(
    Guid Id, string RoomId, long Seq, string SenderId, string Type, long? RefSeq, string Status, string? ClientMessageId,
    DateTime SentAt, string Content);

public sealed class Room(string name)
{
    private const int Kept = 200;

    private readonly ConcurrentDictionary<string, bool> members = new();
    private readonly Queue<Message> latest = new();
    private readonly Lock gate = new();

    public string Id { get; } = Guid.NewGuid().ToString();
    public string Name { get; } = name;
    public DateTime CreatedAt { get; } = Clock.Now;
    public long LastSeq { get; private set; }
    public Task? Stored { get; set; } // where there is a store: the making of its row
    public Lock Gate => gate;

    // Answers whether that is new.
    public bool Join(string user) => members.TryAdd(user, true);

    public bool Leave(string user) => members.TryRemove(user, out _);

    public bool Has(string user) => members.ContainsKey(user);

    public Message Post(string sender, string content)
    {
        lock (gate)
        {
            var message = new Message(
                Guid.CreateVersion7(), Id, ++LastSeq, sender, "Text", null, "Sent", null, Clock.Now, content);
            latest.Enqueue(message);
            if (latest.Count > Kept)
            {
                latest.Dequeue();
            }
            return message;
        }
    }

    public IReadOnlyList<Message> History(long before, int limit)
    {
        lock (gate)
        {
            return latest.Where(message => message.Seq < before).TakeLast(limit).ToList();
        }
    }
}

public sealed class Rooms
{
    public const string Epoch = "1";

    private readonly ConcurrentDictionary<string, Room> byName = new();
    private readonly ConcurrentDictionary<string, Room> byId = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Room>> byUser = new();

    public Room? Find(string name) => byName.TryGetValue(name, out var room) || byId.TryGetValue(name, out room) ? room : null;

    public Room FindOrCreate(string name)
    {
        if (Find(name) is { } found)
        {
            return found;
        }
        var room = byName.GetOrAdd(name, static created => new Room(created));
        byId.TryAdd(room.Id, room);
        return room;
    }

    public Room Create(string name, string owner)
    {
        var room = new Room(name);
        byId.TryAdd(room.Id, room);
        room.Join(owner);
        byUser.GetOrAdd(owner, static _ => new ConcurrentQueue<Room>()).Enqueue(room);
        return room;
    }

    public IEnumerable<Room> Of(string user) => byUser.TryGetValue(user, out var rooms) ? rooms : [];
}

public static class Clock
{
    // Whole milliseconds, as chatd writes them.
    public static DateTime Now => DateTimeOffset.FromUnixTimeMilliseconds(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()).UtcDateTime;
}
