"""The four servers of OpenStack Swift in one process: most of what four cost is the import of the same modules."""
import sys

import eventlet
from eventlet import wsgi as eventlet_wsgi

from swift.common import utils, wsgi

utils.eventlet_monkey_patch()


def start(path, part):
    """What swift.common.wsgi.run_server does, but for the hub, of which there is one in a process."""
    conf, _, log_name = wsgi._initrp(path, part + '-server')
    sock = wsgi.get_socket(conf)
    app = wsgi.loadapp(path, global_conf={'log_name': log_name})
    options = {'protocol': wsgi.SwiftHttpProtocol, 'capitalize_response_headers': False}
    return eventlet.spawn(eventlet_wsgi.server, sock, app, utils.NullLogger(), **options)


servers = [start(sys.argv[1] + '/' + part + '.conf', part) for part in ('account', 'container', 'object', 'proxy')]
for server in servers:
    server.wait()
