from django.urls import path

from persistence.claim_check.view import claim

urlpatterns = [path("claims/<str:token>", claim)]
