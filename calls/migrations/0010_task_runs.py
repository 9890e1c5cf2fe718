from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0009_leases_tell_of_processes'),
    ]

    operations = [
        migrations.CreateModel(
            name='TaskRun',
            fields=[
                ('name', models.CharField(help_text='As Celery knows it.', max_length=100, primary_key=True, serialize=False)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('problem', models.CharField(blank=True, help_text='What it failed with; empty: it did not.', max_length=100)),
            ],
        ),
    ]
