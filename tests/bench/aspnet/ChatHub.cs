using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;

namespace Bench;

// chatd's hub methods with their usual arguments (a .NET hub knows no optional ones). A room comes into being when it
// is first joined, as under chatd's hub.create_rooms.
[Authorize]
public sealed class ChatHub(Rooms rooms, Store store) : Hub
{
    private string UserId => Context.UserIdentifier!;

    public async Task<Joined> JoinRoom(string room)
    {
        var found = rooms.FindOrCreate(room);
        await store.Ready(found);
        await Groups.AddToGroupAsync(Context.ConnectionId, found.Id, Context.ConnectionAborted);
        if (found.Join(UserId))
        {
            await Clients.OthersInGroup(found.Id).SendAsync("UserJoined", UserId, found.Id);
        }
        return new Joined(found.Id, found.LastSeq, Rooms.Epoch, true, null, null, false);
    }

    public async Task LeaveRoom(string room)
    {
        var found = Member(room);
        await Groups.RemoveFromGroupAsync(Context.ConnectionId, found.Id);
        if (found.Leave(UserId))
        {
            await Clients.Group(found.Id).SendAsync("UserLeft", UserId, found.Id);
        }
    }

    public async Task<Sent> SendMessage(string room, string content)
    {
        var found = Member(room);
        var message = await store.Post(found, UserId, content);
        await Clients.Group(found.Id).SendAsync("ReceiveMessage", message);
        return new Sent(message.Id, message.Seq, message.SentAt);
    }

    public Task<IReadOnlyList<Message>> GetHistory(string room, long? beforeSeq, int limit)
    {
        return store.History(Member(room), beforeSeq ?? long.MaxValue, Math.Clamp(limit, 1, 200));
    }

    private Room Member(string name)
    {
        return rooms.Find(name) is { } room && room.Has(UserId)
            ? room
            : throw new HubException("not_a_member: you are not a member of this room");
    }
}

public sealed record Joined(string RoomId, long LastSeq, string Epoch, bool Recovered, long? From, long? To, bool Gap);

public sealed record Sent(Guid Id, long Seq, DateTime SentAt);
