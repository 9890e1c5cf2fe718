from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alarms', '0002_notifications_by_alarm'),
    ]

    operations = [
        migrations.CreateModel(
            name='Recurrence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('type', models.CharField(max_length=60)),
                ('source', models.CharField(max_length=200)),
                ('comings', models.JSONField(help_text='Times, the oldest first.')),
                ('last_at', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddConstraint(
            model_name='recurrence',
            constraint=models.UniqueConstraint(fields=('type', 'source'), name='recurrence_unique'),
        ),
        migrations.AddField(
            model_name='activealarm',
            name='held_since',
            field=models.DateTimeField(blank=True, help_text='Its source is away, but comes and goes.', null=True),
        ),
        migrations.AddField(
            model_name='activealarm',
            name='held_until',
            field=models.DateTimeField(blank=True, help_text='If its source stays away, it is over then.', null=True),
        ),
        migrations.AlterField(
            model_name='alarmevent',
            name='kind',
            field=models.CharField(choices=[('raised', 'Raised'), ('changed', 'Changed'), ('held', 'Held'), ('cleared', 'Cleared'), ('acknowledged', 'Acknowledged'), ('unacknowledged', 'Unacknowledged'), ('silenced', 'Silenced'), ('unsilenced', 'Unsilenced')], max_length=14),
        ),
        migrations.AddConstraint(
            model_name='activealarm',
            constraint=models.CheckConstraint(condition=models.Q(('held_since', None), ('held_until', None)) | models.Q(('held_since__isnull', False), ('held_until__isnull', False)), name='active_alarm_held'),
        ),
    ]
