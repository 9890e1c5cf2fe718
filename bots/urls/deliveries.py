"""URLs of the pages: deliveries."""

from django.urls import path

from bots.views import deliveries as pages

app_name = "deliveries"

urlpatterns = [
    path("", pages.delivery_list, name="list"),
    path("destinations/", pages.destination_list, name="destinations"),
    path("destinations/<int:destination_id>/replay", pages.replay_dead, name="replay_dead"),
    path("destinations/<int:destination_id>/close", pages.close_circuit, name="close_circuit"),
    path("<uuid:delivery_id>/", pages.delivery, name="delivery"),
    path("<uuid:delivery_id>/replay", pages.replay, name="replay"),
]
