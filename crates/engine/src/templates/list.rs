use sandbar_protocol::TemplateInfo;

use super::built_in::BUILT_IN;
use super::{Template, TemplateError, Templates};

const PREFIX: &str = "tpl-";

impl Templates {
    /// All templates, the broken ones among them; no value of a variable.
    pub async fn list(&self) -> Vec<TemplateInfo> {
        let mut list = Vec::new();
        for name in self.names().await {
            list.extend(self.info(&name).await.ok());
        }
        list
    }

    /// The template that a (checked) reference means: a name, or one without its `tpl-`.
    pub async fn resolve(&self, reference: &str) -> Result<TemplateInfo, TemplateError> {
        let names = self.names().await;
        let prefixed = format!("{PREFIX}{reference}");
        let known = [reference, &prefixed].into_iter().find(|name| names.iter().any(|known| known == name));
        self.info(known.unwrap_or(reference)).await
    }

    async fn info(&self, name: &str) -> Result<TemplateInfo, TemplateError> {
        let info = TemplateInfo { template_id: name.to_owned(), aliases: aliases(name), ..TemplateInfo::default() };
        match self.find(name).await {
            Ok(template) => Ok(TemplateInfo { available: true, ..told(info, template) }),
            Err(error @ TemplateError::NotFound { .. }) => Err(error),
            Err(error) => Ok(TemplateInfo { diagnostic: Some(error.diagnostic()), ..info }),
        }
    }
}

fn told(info: TemplateInfo, template: Template) -> TemplateInfo {
    TemplateInfo {
        description: template.description,
        cpu_count: Some(template.cpu_count),
        memory_mb: Some(template.memory_mb),
        disk_size_mb: Some(template.disk_size_mb),
        rootfs: Some(template.rootfs.kind().to_owned()),
        workdir: Some(template.workdir),
        ..info
    }
}

fn aliases(name: &str) -> Vec<String> {
    let alias = name.strip_prefix(PREFIX).filter(|alias| !alias.is_empty() && !BUILT_IN.contains(alias));
    alias.map(str::to_owned).into_iter().collect()
}
