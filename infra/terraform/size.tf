# All differences between the sizes small and standard.

locals {
  sizes = {
    small    = { cpu = 512, memory = 2048, tasks = 1, most_tasks = 1, has_endpoints = false, is_hardened = false }
    standard = { cpu = 1024, memory = 4096, tasks = 2, most_tasks = 6, has_endpoints = true, is_hardened = true }
  }

  size = local.sizes[var.size]

  portal_cpu        = coalesce(var.portal_cpu, local.size.cpu)
  portal_memory     = coalesce(var.portal_memory, local.size.memory)
  portal_most_tasks = coalesce(var.portal_most_tasks, local.size.most_tasks)
}
