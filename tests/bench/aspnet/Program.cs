// The peer of the benchmark: a plain ASP.NET Core SignalR hub with chatd's methods, as one would write it in an
// afternoon. Everything is in memory, but where a connection string is given messages are in PostgreSQL. It prints
// "ready port=N".
//
//     dotnet aspnet.dll --secret TEXT [--postgres "Host=...;Database=..."]

using Bench;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Services.AddSingleton<Rooms>();
var postgres = builder.Configuration["postgres"];
builder.Services.AddSingleton(new Store(postgres is null ? null : await PostgresStore.Open(postgres)));
builder.Services.AddSignalR();
builder.Services.AddAuthorization();
builder.Services.AddAuthentication(BearerHandler.Scheme)
    .AddScheme<BearerOptions, BearerHandler>(
        BearerHandler.Scheme, options => options.Secret = builder.Configuration["secret"] ?? "");

var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();
app.MapHub<ChatHub>("/chathub").RequireAuthorization();
app.MapRooms();
await app.StartAsync();

var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
Console.WriteLine($"ready port={new Uri(address).Port}");
await app.WaitForShutdownAsync();
