import type { Step } from '../step.ts';
import { databaseName, namesOf, showNetwork } from './commands.ts';

const ONLY_RDS = ['rds'] as const;

const machine: Step = {
  id: 'rds-ec2-instance',
  title: 'An EC2 instance runs this program, near the database',
  why: 'In the same VPC it reaches the database without going through the internet; in the region of the target it is near to that as well.',
  providers: ONLY_RDS,
  how: ({ source }) => {
    const { region } = namesOf(source);
    return [
      `Console: EC2 (region ${region === 'REGION' ? 'of the database' : region}) → Launch instance: Ubuntu 24.04 or Amazon Linux 2023, as many vCPUs as the target (m7i.2xlarge has 8 and 32 GiB), 100 GiB of gp3 storage or more for the spool, in the VPC of the database, with a security group of its own.`,
      `Command, the VPC, subnets and security groups of the database: ${showNetwork(source)}`,
      `Command: aws ec2 run-instances --region ${region} --image-id resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64 --instance-type m7i.2xlarge --subnet-id SUBNET --security-group-ids SG_OF_THIS_MACHINE --key-name KEY --block-device-mappings 'DeviceName=/dev/xvda,Ebs={VolumeSize=100,VolumeType=gp3}'`,
      'Use tmux there: the migration goes on when you lose the connection to it.',
    ];
  },
};

const securityGroup: Step = {
  id: 'rds-security-group',
  title: "The database's security group lets the EC2 instance in",
  why: 'Without an inbound rule for its port the connection hangs until it times out.',
  providers: ONLY_RDS,
  how: ({ source }) => {
    const { region } = namesOf(source);
    return [
      `Console: RDS → Databases → ${databaseName(source)} → Connectivity & security → VPC security groups → Inbound rules → Edit inbound rules → Add rule: Custom TCP, port ${source.port}, source: the security group of the EC2 instance.`,
      `Command, the groups of the database: ${showNetwork(source)}`,
      `Command: aws ec2 authorize-security-group-ingress --region ${region} --group-id SG_OF_DATABASE --protocol tcp --port ${source.port} --source-group SG_OF_THIS_MACHINE`,
      `Command, from outside of the VPC by address: aws ec2 authorize-security-group-ingress --region ${region} --group-id SG_OF_DATABASE --protocol tcp --port ${source.port} --cidr "$(curl -s https://checkip.amazonaws.com)/32"`,
    ];
  },
};

const clientTools: Step = {
  id: 'rds-client-tools',
  title: 'The client tools are installed on it',
  why: 'pg_dump carries the schema over. It must be of the major release of the source or newer; psql and pg_isready are for looking.',
  providers: ONLY_RDS,
  how: () => [
    'Command, Amazon Linux 2023: sudo dnf install -y postgresql17 nodejs22 tmux # dnf search postgresql shows what there is',
    'Command, Ubuntu: sudo apt-get update && sudo apt-get install -y postgresql-common tmux && sudo /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && sudo apt-get install -y postgresql-client-17',
    'Command, to test: pg_dump --version && psql --version && node --version',
  ],
};

/** Steps for the machine that this program runs on, in AWS. */
export const MACHINE_STEPS: readonly Step[] = [machine, securityGroup, clientTools];
