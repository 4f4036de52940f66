"""A pack without nodes, for the tests' servers: it tells who answers at each of the server's routes."""

from aiohttp import web
from server import PromptServer

NODE_CLASS_MAPPINGS: dict = {}


@PromptServer.instance.routes.get("/tests/routes")
async def routes(request):
    known = [route for route in request.app.router.routes() if route.resource]
    return web.json_response(
        [(route.method, route.resource.canonical, getattr(route.handler, "__module__", "")) for route in known]
    )
