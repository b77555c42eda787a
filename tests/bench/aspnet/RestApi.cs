using System.Security.Claims;

namespace Bench;

public sealed record NewRoom(string Name);

public sealed record NewMessage(string Content);

public sealed record RoomView(
    string Id, string? Alias, string Name, string Type, string Visibility, bool Encrypted, string CreatorId,
    DateTime CreatedAt, long LastSeq);

public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

// The calls of chatd's REST API that the benchmark makes.
public static class RestApi
{
    private const int ItemsMost = 200;

    public static void MapRooms(this WebApplication app)
    {
        var api = app.MapGroup("/api/v1/rooms").RequireAuthorization();
        api.MapPost("", Create);
        api.MapGet("", List);
        api.MapPost("{id}/messages", Post);
    }

    private static async Task<IResult> Create(NewRoom body, ClaimsPrincipal caller, Rooms rooms, Store store)
    {
        var room = rooms.Create(body.Name, UserId(caller));
        await store.Ready(room);
        return Results.Created($"/api/v1/rooms/{room.Id}", View(room, caller));
    }

    private static IResult List(ClaimsPrincipal caller, Rooms rooms, int limit = 50)
    {
        var found = rooms.Of(UserId(caller)).Take(Math.Clamp(limit, 1, ItemsMost));
        return Results.Ok(new Page<RoomView>(found.Select(room => View(room, caller)).ToList(), null));
    }

    private static async Task<IResult> Post(string id, NewMessage body, ClaimsPrincipal caller, Rooms rooms, Store store)
    {
        if (rooms.Find(id) is not { } room || !room.Has(UserId(caller)))
        {
            return Results.Problem("you are not a member of this room", statusCode: 403);
        }
        var message = await store.Post(room, UserId(caller), body.Content);
        return Results.Created($"/api/v1/rooms/{id}/messages/{message.Id}", new Sent(message.Id, message.Seq, message.SentAt));
    }

    private static string UserId(ClaimsPrincipal caller) => caller.FindFirstValue(ClaimTypes.NameIdentifier)!;

    private static RoomView View(Room room, ClaimsPrincipal caller)
    {
        return new RoomView(
            room.Id, null, room.Name, "Group", "Private", false, UserId(caller), room.CreatedAt, room.LastSeq);
    }
}
