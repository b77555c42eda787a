// The peer of the benchmark: a plain ASP.NET Core SignalR hub with chatd's methods, as one would write it in an
// afternoon. Everything is in memory: there is no store behind it. It prints "ready port=N".
//
//     dotnet aspnet.dll --secret TEXT

using Bench;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

var builder = WebApplication.CreateSlimBuilder(args);
builder.Logging.ClearProviders();
builder.WebHost.UseUrls("http://127.0.0.1:0");
builder.Services.AddSingleton<Rooms>();
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
