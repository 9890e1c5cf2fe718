import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0007_what_voice_agents_took'),
    ]

    operations = [
        migrations.AddField(
            model_name='processlease',
            name='since',
            field=models.DateTimeField(default=django.utils.timezone.now, help_text='From then on it was renewed without a gap.'),
        ),
    ]
