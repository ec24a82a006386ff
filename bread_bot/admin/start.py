from starlette_admin.views import CustomView


class Start(CustomView):
    menu_label = "Today"
    icon = "fa-solid fa-chart-column"
    route_name = "index"
